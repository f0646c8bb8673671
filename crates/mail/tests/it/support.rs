//! What the tests share: time, chance, notices, a room set up for them.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use daemun_engine::{
    notice::{Channel, Content, Notice},
    policy::Locale,
    ports::{Clock, Entropy, NoEntropy},
    seal::{MasterKey, Sealer},
    time::Timestamp,
};
use daemun_mail::{
    Courier, Couriers, Letter, SmtpConfig, SmtpCourier, SmtpTls, Templates, Timing, Worker,
};
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

use crate::outbox::MemoryOutbox;

/// Awaits what must happen; fails where it does not.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("happens within 20 s")
}

/// A clock that goes, from a fixed day on, and stands still or leaps where the runtime's does.
pub struct TestClock {
    started: Instant,
    reads: AtomicU64,
}

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            reads: AtomicU64::new(0),
        })
    }

    /// How often it was read.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.reads.fetch_add(1, Ordering::SeqCst);
        START + self.started.elapsed()
    }
}

/// 2026-11-21T07:00:00Z
pub const START: Timestamp = Timestamp::from_unix_seconds(1_795_244_400);

/// Never the same twice, which is all that sealing needs here.
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        bytes.fill(0);
        bytes[..8].copy_from_slice(&count);
        Ok(())
    }
}

pub fn code(code: &str) -> Content {
    Content::ConfirmAddress {
        code: code.into(),
        minutes: 10,
    }
}

pub fn mail_to(to: &str, content: Content) -> Notice {
    Notice {
        channel: Channel::Email,
        to: to.into(),
        locale: Locale::Ko,
        contract: "native".into(),
        content,
    }
}

pub fn letter(to: &str) -> Letter {
    Letter {
        id: 7,
        written_at: START,
        to: to.into(),
        subject: "인증 코드".into(),
        text: "코드: 482913\n".into(),
    }
}

pub fn smtp_config(port: u16) -> SmtpConfig {
    SmtpConfig {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: SmtpTls::None,
        authority: None,
        login: None,
        from: "대문 <login@daemun.example>".into(),
        timeout: Duration::from_secs(10),
    }
}

pub fn smtp(port: u16) -> Arc<SmtpCourier> {
    Arc::new(SmtpCourier::new(smtp_config(port)).unwrap())
}

/// A port nobody listens on, for now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Everything a worker needs, with an outbox in memory.
pub struct Room {
    pub clock: Arc<TestClock>,
    pub outbox: Arc<MemoryOutbox>,
    pub sealer: Arc<Sealer>,
    entropy: Counter,
}

impl Room {
    pub fn new() -> Self {
        let clock = TestClock::new();
        let sealer = MasterKey::new([7; 32]).sealer("outbox").unwrap();
        Self {
            outbox: MemoryOutbox::new(clock.clone()),
            clock,
            sealer: Arc::new(sealer),
            entropy: Counter(AtomicU64::new(0)),
        }
    }

    /// Puts a notice into the outbox that is of use for an hour.
    pub fn post(&self, notice: &Notice) -> i64 {
        self.post_until(notice, self.clock.now() + Duration::from_secs(3_600))
    }

    pub fn post_until(&self, notice: &Notice, useless_after: Timestamp) -> i64 {
        let sealed = notice.seal(&self.sealer, &self.entropy).unwrap();
        self.outbox.put(sealed, useless_after)
    }

    pub fn worker(&self, couriers: Couriers) -> Worker {
        Worker::new(
            self.outbox.clone(),
            self.sealer.clone(),
            Templates::new("대문").unwrap(),
            couriers,
            self.clock.clone(),
        )
        .with_timing(quick())
    }

    /// A worker at its work, with one courier for everything.
    pub fn at_work(&self, courier: Arc<dyn Courier>) -> Running {
        Running::start(self.worker(Couriers::all(courier)))
    }
}

/// Tries again at once, and looks only when woken.
pub fn quick() -> Timing {
    Timing {
        first_retry: Duration::from_millis(5),
        longest_retry: Duration::from_millis(40),
        poll: Duration::from_secs(600),
        ..Timing::default()
    }
}

/// A worker at its work.
pub struct Running {
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Running {
    pub fn start(worker: Worker) -> Self {
        let (shutdown, asked) = oneshot::channel();
        let task = tokio::spawn(worker.run(async {
            let _ = asked.await;
        }));
        Self { shutdown, task }
    }

    /// Asks it to stop, and says how many letters it left on their way.
    pub async fn stop(self) -> usize {
        self.shutdown.send(()).unwrap();
        within(self.task).await.unwrap()
    }

    /// The process dies.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
