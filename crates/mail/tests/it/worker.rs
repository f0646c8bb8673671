//! The worker: once each, at once, never for nothing, and what happens when it dies.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use daemun_engine::{
    notice::{Channel, Notice},
    ports::Clock,
};
use daemun_mail::{Courier, Couriers, DeliveryError, DevOutbox, Letter, Reason, Timing};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    outbox::Mark,
    support::{Room, Running, code, mail_to, quick, within},
};

/// A courier whose letters wait at a gate.
struct Gate {
    open: Semaphore,
    arrived: mpsc::UnboundedSender<String>,
    on_the_way: AtomicUsize,
    most: AtomicUsize,
}

impl Gate {
    fn closed() -> (Arc<Self>, mpsc::UnboundedReceiver<String>) {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let gate = Self {
            open: Semaphore::new(0),
            arrived,
            on_the_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        };
        (Arc::new(gate), arrivals)
    }
}

#[async_trait]
impl Courier for Gate {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let now = self.on_the_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.arrived.send(letter.key()).unwrap();
        self.open.acquire().await.unwrap().forget();
        self.on_the_way.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// A courier that counts, and fails as told.
#[derive(Default)]
struct Tally {
    letters: Mutex<Vec<String>>,
    failures: Mutex<Vec<DeliveryError>>,
}

#[async_trait]
impl Courier for Tally {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        self.letters.lock().unwrap().push(letter.key());
        self.failures.lock().unwrap().pop().map_or(Ok(()), Err)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}

fn mail(n: usize) -> Notice {
    mail_to(&format!("{n}@example.com"), code("482913"))
}

#[tokio::test]
async fn a_letter_is_sent_at_once_without_polling() {
    let room = Room::new();
    let dev = DevOutbox::new(room.clock.clone());
    let worker = room.at_work(Arc::new(dev.clone()));
    for n in 0..3 {
        // The worker of these tests polls every ten minutes.
        let id = room.post(&mail(n));
        assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    }
    assert_eq!(dev.all().len(), 3);
    assert_eq!(worker.stop().await, 0);
}

#[tokio::test]
async fn two_workers_at_one_outbox_send_each_letter_once() {
    let room = Room::new();
    let tally = Arc::new(Tally::default());
    let workers = [(); 2].map(|()| room.at_work(tally.clone()));
    for n in 0..200 {
        room.post(&mail(n));
    }
    for _ in 0..200 {
        assert!(matches!(room.outbox.mark().await, Mark::Sent(_)));
    }
    for worker in workers {
        worker.stop().await;
    }
    let letters = tally.letters.lock().unwrap();
    assert_eq!(letters.len(), 200);
    assert_eq!(letters.iter().collect::<HashSet<_>>().len(), 200);
}

#[tokio::test]
async fn no_more_letters_are_on_the_way_than_there_are_hands() {
    let room = Room::new();
    let (gate, mut arrivals) = Gate::closed();
    let timing = Timing {
        concurrency: 3,
        ..quick()
    };
    for n in 0..10 {
        room.post(&mail(n));
    }
    let couriers = Couriers::all(gate.clone());
    let worker = Running::start(room.worker(couriers).with_timing(timing));
    for _ in 0..3 {
        within(arrivals.recv()).await.unwrap();
    }
    let looked = room.outbox.claims();
    for _ in 0..7 {
        gate.open.add_permits(1);
        within(arrivals.recv()).await.unwrap();
        room.outbox.mark().await;
    }
    assert_eq!(gate.most.load(Ordering::SeqCst), 3);
    // One look for each hand that came free.
    assert_eq!(room.outbox.claims() - looked, 7);
    gate.open.add_permits(3);
    assert_eq!(worker.stop().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_due_while_no_hand_is_free_waits_quietly() {
    let room = Room::new();
    let (gate, mut arrivals) = Gate::closed();
    let timing = Timing {
        concurrency: 1,
        ..quick()
    };
    // Mail is held up at the gate; text messages have no courier.
    let couriers = Couriers {
        email: Some(gate.clone()),
        sms: None,
    };
    let worker = Running::start(room.worker(couriers).with_timing(timing));
    let text = room.post(&Notice {
        channel: Channel::Sms,
        ..mail(1)
    });
    assert_eq!(
        room.outbox.mark().await,
        Mark::Retry(text, "no courier".into())
    );
    let held = room.post(&mail(2));
    within(arrivals.recv()).await.unwrap();

    tokio::time::advance(Duration::from_secs(1)).await;
    let reads = room.clock.reads();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(room.clock.reads() - reads < 5);

    gate.open.add_permits(1);
    assert_eq!(room.outbox.mark().await, Mark::Sent(held));
    assert_eq!(
        room.outbox.mark().await,
        Mark::Retry(text, "no courier".into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_letter_that_comes_too_late_is_not_sent() {
    let room = Room::new();
    let tally = Arc::new(Tally::default());
    let worker = room.at_work(tally.clone());
    let id = room.post_until(&mail(1), room.clock.now());
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(id, "too late".into())
    );
    worker.stop().await;
    assert!(tally.letters.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_letter_is_given_up_when_no_retry_could_be_of_use() {
    let room = Room::new();
    let tally = Arc::new(Tally::default());
    tally
        .failures
        .lock()
        .unwrap()
        .push(DeliveryError::Transient(Reason::Smtp(451)));
    let timing = Timing {
        first_retry: Duration::from_secs(3_600),
        longest_retry: Duration::from_secs(3_600),
        ..quick()
    };
    let couriers = Couriers::all(tally.clone());
    let worker = Running::start(room.worker(couriers).with_timing(timing));
    let soon = room.clock.now() + Duration::from_secs(600);
    let id = room.post_until(&mail(1), soon);
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(id, "smtp 451".into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_letter_sealed_under_another_key_is_given_up() {
    let room = Room::new();
    let later = room.clock.now() + Duration::from_secs(60);
    let id = room.outbox.put(vec![0; 64], later);
    let worker = room.at_work(Arc::new(Tally::default()));
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(id, "unreadable".into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_channel_without_a_courier_waits_for_one() {
    let room = Room::new();
    let id = room.post(&mail(1));
    let worker = Running::start(room.worker(Couriers::default()));
    assert_eq!(
        room.outbox.mark().await,
        Mark::Retry(id, "no courier".into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_death_between_handing_over_and_marking_repeats_that_letter_only_and_recognisably() {
    let room = Room::new();
    let tally = Arc::new(Tally::default());
    let worker = room.at_work(tally.clone());
    let earlier = room.post(&mail(1));
    assert_eq!(room.outbox.mark().await, Mark::Sent(earlier));
    room.outbox.fail_marks(1);
    let id = room.post(&mail(2));
    assert_eq!(room.outbox.mark().await, Mark::Lost(id));
    worker.kill().await;

    // While the claim stands, nobody else touches the letter.
    let next = room.at_work(tally.clone());
    let other = room.post(&mail(3));
    assert_eq!(room.outbox.mark().await, Mark::Sent(other));
    room.outbox.expire_claims();
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    next.stop().await;

    let letters = tally.letters.lock().unwrap();
    assert_eq!(letters.len(), 4);
    assert_eq!(letters[1], letters[3]);
    assert_eq!(letters.iter().collect::<HashSet<_>>().len(), 3);
}

#[tokio::test]
async fn a_store_that_fails_to_mark_is_asked_again_and_the_letter_is_not_repeated() {
    let room = Room::new();
    let tally = Arc::new(Tally::default());
    room.outbox.fail_marks(2);
    let worker = room.at_work(tally.clone());
    let id = room.post(&mail(1));
    for mark in [Mark::Lost(id), Mark::Lost(id), Mark::Sent(id)] {
        assert_eq!(room.outbox.mark().await, mark);
    }
    worker.stop().await;
    assert_eq!(tally.letters.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_left_alone_for_a_while_and_asked_again() {
    let room = Room::new();
    room.outbox.fail_claims(3);
    let id = room.post(&mail(1));
    let started = tokio::time::Instant::now();
    let worker = room.at_work(Arc::new(Tally::default()));
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    assert_eq!(started.elapsed().as_secs(), 3);
    worker.stop().await;
}

#[tokio::test]
async fn letters_on_the_way_at_shutdown_arrive_and_no_new_ones_set_out() {
    let room = Room::new();
    let (gate, mut arrivals) = Gate::closed();
    let worker = room.at_work(gate.clone());
    let id = room.post(&mail(1));
    within(arrivals.recv()).await.unwrap();
    let stopping = tokio::spawn(worker.stop());
    tokio::task::yield_now().await;
    room.post(&mail(2));
    gate.open.add_permits(2);
    assert_eq!(within(stopping).await.unwrap(), 0);
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    assert!(arrivals.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_does_not_arrive_does_not_hold_up_the_shutdown_for_ever() {
    let room = Room::new();
    let (gate, mut arrivals) = Gate::closed();
    let worker = room.at_work(gate);
    room.post(&mail(1));
    within(arrivals.recv()).await.unwrap();
    let started = tokio::time::Instant::now();
    assert_eq!(worker.stop().await, 1);
    assert_eq!(started.elapsed(), quick().drain);
}
