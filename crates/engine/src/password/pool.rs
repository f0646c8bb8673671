//! A few threads that do nothing but hash, and the queue before them.
//!
//! Hashing is slow by design and wants all of a core, so it gets threads of its own, fewer than
//! there are cores, and a queue that ends: who finds it full learns at once when to come back. A
//! place in the queue belongs to the job, not to whoever waits for it, so a client that hangs up
//! and tries again gains no second place.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::argon2id::Memory;

/// Before the first job has been timed.
const FIRST_GUESS: Duration = Duration::from_millis(50);

/// The pool. Its threads end when it is dropped.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

/// Why a job was not done.
#[derive(Debug)]
pub(super) enum NotDone {
    /// The queue is full; it will have been worked off by then.
    Full { retry_after: Duration },
    /// The job panicked or the pool is going down.
    Lost,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    longest_queue: usize,
    keep_memory: Duration,
    threads: usize,
    /// What a job takes, in microseconds: a moving average.
    pace: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    working: usize,
    closed: bool,
}

/// Says whether it did anything.
type Job = Box<dyn FnOnce(&mut Memory) -> bool + Send>;

impl Pool {
    /// Starts `threads` threads. One without work for as long as `keep_memory` gives up what it
    /// works in.
    pub(super) fn start(
        threads: usize,
        longest_queue: usize,
        keep_memory: Duration,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            longest_queue,
            keep_memory,
            threads,
            pace: AtomicU64::new(micros(FIRST_GUESS)),
        });
        let pool = Self { shared };
        for n in 0..threads {
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(format!("hash-{n}"))
                .spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Has `work` done. A job whose caller is gone before it begins is dropped when its turn comes.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let (done, result) = oneshot::channel();
        self.shared.enqueue(Box::new(move |memory| {
            let wanted = !done.is_closed();
            if wanted {
                // An error means that the caller has gone meanwhile.
                let _ = done.send(work(memory));
            }
            wanted
        }))?;
        result.await.map_err(|_| NotDone::Lost)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, job: Job) -> Result<(), NotDone> {
        let mut queue = self.lock();
        if queue.waiting.len() >= self.longest_queue {
            let retry_after = self.time_for(queue.waiting.len() + queue.working);
            return Err(NotDone::Full { retry_after });
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    fn time_for(&self, jobs: usize) -> Duration {
        let rounds = u64::try_from(jobs.div_ceil(self.threads.max(1))).unwrap_or(u64::MAX);
        Duration::from_micros(self.pace.load(Relaxed).saturating_mul(rounds))
    }

    /// What a thread does until the pool is dropped.
    fn work(&self) {
        let mut memory = Memory::default();
        while let Some(job) = self.next_job(&mut memory) {
            let began = Instant::now();
            match catch_unwind(AssertUnwindSafe(|| job(&mut memory))) {
                Ok(true) => self.learn_pace(began.elapsed()),
                Ok(false) => {}
                Err(_) => tracing::error!("hashing a password panicked; it was refused"),
            }
            self.lock().working -= 1;
        }
    }

    /// Waits for a job, letting go of `memory` when none comes for long.
    fn next_job(&self, memory: &mut Memory) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.waiting.pop_front() {
                queue.working += 1;
                return Some(job);
            }
            if memory.is_empty() {
                queue = self
                    .arrived
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, timeout) = self
                .arrived
                .wait_timeout(queue, self.keep_memory)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if timeout.timed_out() && queue.waiting.is_empty() {
                memory.release();
            }
        }
    }

    fn learn_pace(&self, took: Duration) {
        let pace = self.pace.load(Relaxed);
        self.pace.store((pace * 7 + micros(took)) / 8, Relaxed);
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
