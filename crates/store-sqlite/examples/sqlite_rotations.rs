//! What a rotation costs: concurrent tasks, each rotating a session of its own, in a table of many.
//!
//! `cargo run --release -p daemun-store-sqlite --example sqlite_rotations -- [tasks] [sessions] [seconds] [apart|together] [directory]`
//!
//! `apart`: the sessions lie on as many pages as there are tasks, the worst case. `together`: they
//! were opened one after the other, and share pages.
//!
//! Prints rotations a second, the processor time of one (the whole process: tasks, runtime, writer,
//! checkpointer), and how long they took. Run it with a directory on the disk that is meant, and
//! with what slows its flushes preloaded, to see the latency tail.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use daemun_engine::{
    client::{ClientPrint, Network},
    ids::SessionId,
    ports::{Rotated, Rotation, Sessions},
    session::{Burst, CallerSubject, Presented, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};
use daemun_store_sqlite::{Options, SqliteStore};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const BEGIN: i64 = 1_790_000_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (tasks, sessions, seconds) = (number(64)?, number(200_000)?, number(5)?);
    let apart = args.next().is_none_or(|word| word == "apart");
    let temporary = tempfile::tempdir()?;
    let directory = args
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let path = directory.join("rotations.db");
    let store = Arc::new(SqliteStore::open(&path, Options::default())?);
    fill(&store, sessions).await?;

    let place = |n| {
        if apart {
            n * (sessions / tasks)
        } else {
            sessions - 1 - n
        }
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let (begun, used) = (Instant::now(), processor_time()?);
    let workers: Vec<_> = (0..tasks)
        .map(|n| tokio::spawn(rotate_until(Arc::clone(&store), place(n), end)))
        .collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await??);
    }
    let (elapsed, used) = (begun.elapsed(), processor_time()? - used);
    report(&mut times, elapsed, used);
    let log = std::fs::metadata(path.with_extension("db-wal"))?.len();
    println!("log       {:>9} KB", log / 1024);
    drop(store);
    for suffix in ["db", "db-wal", "db-shm"] {
        let _ = std::fs::remove_file(path.with_extension(suffix));
    }
    Ok(())
}

fn report(times: &mut [Duration], elapsed: Duration, used: Duration) {
    times.sort_unstable();
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let at = |part: f64| {
        let index = (times.len() as f64 * part) as usize;
        times.get(index.min(times.len().saturating_sub(1))).copied()
    };
    println!(
        "rotations {:>9.0} /s",
        f64::from(count) / elapsed.as_secs_f64()
    );
    println!(
        "processor {:>9.2} µs each",
        used.as_secs_f64() * 1e6 / f64::from(count)
    );
    println!(
        "latency   p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
        at(0.5).unwrap_or_default(),
        at(0.99).unwrap_or_default(),
        at(0.999).unwrap_or_default(),
        at(1.0).unwrap_or_default(),
    );
}

async fn fill(store: &Arc<SqliteStore>, sessions: u64) -> Result<(), Failure> {
    let fillers: Vec<_> = (0..64)
        .map(|part| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for n in (part..sessions).step_by(64) {
                    store.open_session(session(n).into()).await?;
                }
                Ok::<(), Failure>(())
            })
        })
        .collect();
    for filler in fillers {
        filler.await??;
    }
    Ok(())
}

async fn rotate_until(
    store: Arc<SqliteStore>,
    n: u64,
    end: Instant,
) -> Result<Vec<Duration>, Failure> {
    let session = session(n);
    let mut times = Vec::new();
    for generation in 1.. {
        let begun = Instant::now();
        if begun > end {
            break;
        }
        let rotated = store
            .rotate(Rotation {
                session: session.id,
                subject: session.subject.clone(),
                contract: session.contract.clone(),
                presented: Presented {
                    generation,
                    by: ClientPrint([7; 8]),
                    at: at(generation),
                },
                network: Network::of([192, 0, 2, 1].into()),
                policy: RotationPolicy::default(),
                horizon: Duration::from_secs(600),
            })
            .await?;
        let Rotated::Judged {
            verdict: Verdict::Rotated,
            ..
        } = rotated
        else {
            return Err("a rotation was refused".into());
        };
        times.push(begun.elapsed());
    }
    Ok(times)
}

fn session(n: u64) -> Session {
    let now = at(0) + Duration::from_millis(n);
    let mut random = [0; 10];
    for (byte, part) in random.iter_mut().zip(n.to_be_bytes()) {
        *byte = part;
    }
    Session {
        id: SessionId::new(now, random),
        subject: Subject::Caller(CallerSubject::new(&format!("user {n}"), "user")),
        contract: "phone-pair".into(),
        generation: 1,
        rotated_at: now,
        rotated_by: ClientPrint([7; 8]),
        burst: Burst::beginning(1, now),
        recovered: None,
        created_at: now,
        idle: Duration::from_secs(86_400 * 400),
        expires_at: now + Duration::from_secs(86_400 * 400),
        revoked: None,
        user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/140.0.0.0 Safari/537.36"
            .into(),
        network: "192.0.2.0/24".into(),
    }
}

fn at(generation: u64) -> Timestamp {
    Timestamp::from_unix_seconds(BEGIN) + Duration::from_millis(generation)
}

/// User and system time of this process, from `/proc` (Linux), in ticks of ten milliseconds.
fn processor_time() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no such /proc/self/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
