use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use super::*;
use crate::password::pool::{NotDone, Pool};

const LONG: Duration = Duration::from_secs(60);

/// Holds the only thread of `pool` until the sender is dropped.
async fn hold(pool: &Arc<Pool>) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (begun, beginning) = tokio::sync::oneshot::channel();
    let pool = Arc::clone(pool);
    tokio::spawn(async move {
        let held = move |_: &mut _| {
            begun.send(()).unwrap();
            let _ = held.recv();
        };
        pool.run(held).await.unwrap();
    });
    beginning.await.unwrap();
    release
}

/// Puts `work` into the queue and hangs up.
async fn enqueue_and_hang_up(pool: &Pool, work: impl FnOnce() + Send + 'static) {
    tokio::select! {
        biased;
        _ = pool.run(|_| work()) => panic!("done although the only thread is held"),
        () = ready(()) => {}
    }
}

fn is_full<T>(result: &Result<T, NotDone>) -> bool {
    matches!(result, Err(NotDone::Full { retry_after }) if *retry_after > Duration::ZERO)
}

#[tokio::test]
async fn f10_beyond_its_end_the_queue_says_so_at_once() {
    let pool = Arc::new(Pool::start(1, 2, LONG).unwrap());
    let release = hold(&pool).await;
    // Each is asked in this order before any of them goes on.
    let (first, second, ()) = tokio::join!(pool.run(|_| 1), pool.run(|_| 2), async {
        assert!(is_full(&pool.run(|_| 3).await));
        drop(release);
    });
    assert_eq!((first.unwrap(), second.unwrap()), (1, 2));
    assert!(pool.run(|_| ()).await.is_ok());
}

#[tokio::test]
async fn f10_hanging_up_gains_no_second_place() {
    let pool = Arc::new(Pool::start(1, 2, LONG).unwrap());
    let release = hold(&pool).await;
    let done = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let done = Arc::clone(&done);
        enqueue_and_hang_up(&pool, move || done.store(true, SeqCst)).await;
    }
    assert!(is_full(&pool.run(|_| ()).await));
    drop(release);
    while is_full(&pool.run(|_| ()).await) {
        tokio::task::yield_now().await;
    }
    assert!(pool.run(|_| ()).await.is_ok());
    assert!(!done.load(SeqCst), "nobody waits for it, so it is not done");
}

#[tokio::test]
async fn f10_the_time_to_come_back_grows_with_the_queue() {
    let wait_with = async |places| {
        let pool = Arc::new(Pool::start(1, places, LONG).unwrap());
        let _release = hold(&pool).await;
        for _ in 0..places {
            enqueue_and_hang_up(&pool, || {}).await;
        }
        match pool.run(|_| ()).await {
            Err(NotDone::Full { retry_after }) => retry_after,
            _ => panic!("not full"),
        }
    };
    assert!(wait_with(20).await > 2 * wait_with(5).await);
}

#[tokio::test]
async fn a_job_that_panics_costs_only_its_caller() {
    let pool = Pool::start(1, 2, LONG).unwrap();
    let lost = pool.run(|_| panic!("on purpose")).await;
    assert!(matches!(lost, Err::<(), _>(NotDone::Lost)));
    assert_eq!(pool.run(|_| 1).await.unwrap(), 1);
}

#[tokio::test]
async fn an_idle_thread_gives_up_its_memory() {
    let pool = Pool::start(1, 2, Duration::from_millis(10)).unwrap();
    let hash =
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hash = crate::password::foreign::Stored::parse(hash).unwrap();
    let work = move |memory: &mut _| hash.matches(b"password", memory).is_ok();
    assert!(pool.run(work).await.unwrap());
    let deadline = tokio::time::Instant::now() + LONG;
    while !pool.run(|memory| memory.is_empty()).await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline, "still kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn f10_a_flooded_hasher_is_busy() {
    let hasher = stuck_hasher();
    let (one, other) = (
        Candidate::parse(PHRASE).unwrap(),
        Candidate::parse(PHRASE).unwrap(),
    );
    tokio::select! {
        biased;
        _ = hasher.verify(one, None, [0; 16]) => panic!("done without a thread"),
        () = ready(()) => {}
    }
    let answer = hasher.verify(other, None, [0; 16]).await;
    assert!(
        matches!(answer, Err(HashFailure::Busy { .. })),
        "{answer:?}"
    );
}

/// A hasher without threads: whatever gets into its queue of one stays there.
pub(super) fn stuck_hasher() -> Hasher {
    Hasher::without_threads(1)
}
