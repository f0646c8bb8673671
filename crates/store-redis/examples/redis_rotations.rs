//! What a rotation costs: concurrent tasks, each rotating a session of its own, among many; and the same script run by
//! `redis-benchmark`, which does nothing else.
//!
//! `cargo run --release -p daemun-store-redis --example redis_rotations -- [tasks] [sessions] [seconds] [always|everysec|no]`
//!
//! Starts a Redis of its own, in the temporary directory: set `TMPDIR` to the disk that is meant. Prints what a session takes
//! of memory, rotations a second, the processor time of one here (tasks, runtime, client) and in Redis, and how long they
//! took.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use daemun_engine::{
    apart::{Put, SessionsApart},
    client::{ClientPrint, Network},
    ids::SessionId,
    ports::{Rotated, Rotation},
    session::{Burst, CallerSubject, Presented, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};
use daemun_store_redis::{Options, RedisStore};
use daemun_test_servers::Redis;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const BEGIN: i64 = 1_790_000_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (tasks, sessions, seconds) = (number(64)?, number(200_000)?, number(5)?);
    let redis = match args.next().as_deref() {
        Some("no") => Redis::start(),
        Some("everysec") => {
            Redis::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"])
        }
        _ => Redis::durable(),
    };
    let redis = redis.ok_or("there is no Redis")?;
    let options = Options {
        // Filling is a burst that no server sees.
        response_timeout: Duration::from_secs(5),
        ..Options::default()
    };
    let store = Arc::new(RedisStore::open(&redis.url(), options).await?);
    let empty = memory(&redis)?;
    fill(&store, sessions).await?;
    let filled = memory(&redis)?;
    println!(
        "memory    {:>9} bytes a session",
        (filled - empty) / sessions
    );

    let log = field(&redis, "persistence", "aof_current_size");
    let end = Instant::now() + Duration::from_secs(seconds);
    let begun = Instant::now();
    let (used, redis_used) = (
        processor_time("self")?,
        processor_time(&redis.pid().to_string())?,
    );
    let workers: Vec<_> = (0..tasks)
        .map(|n| tokio::spawn(rotate_until(Arc::clone(&store), n, end)))
        .collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await??);
    }
    let elapsed = begun.elapsed();
    let used = processor_time("self")? - used;
    let redis_used = processor_time(&redis.pid().to_string())? - redis_used;
    report(&mut times, elapsed, used, redis_used);
    // Smaller where Redis wrote it anew meanwhile.
    if let (Ok(before), Ok(after)) = (log, field(&redis, "persistence", "aof_current_size"))
        && let Some(grown) = after.checked_sub(before)
    {
        let each = grown / u64::try_from(times.len())?;
        println!("log       {each:>9} bytes each");
    }
    beside(&redis, tasks, &[("64", "1"), ("1", "64")])
}

fn report(times: &mut [Duration], elapsed: Duration, used: Duration, redis_used: Duration) {
    times.sort_unstable();
    let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
    let at = |part: f64| {
        let index = (times.len() as f64 * part) as usize;
        times.get(index.min(times.len().saturating_sub(1))).copied()
    };
    let each = |used: Duration| used.as_secs_f64() * 1e6 / f64::from(count);
    println!(
        "rotations {:>9.0} /s",
        f64::from(count) / elapsed.as_secs_f64()
    );
    println!(
        "processor {:>9.2} µs each here, {:.2} µs in Redis",
        each(used),
        each(redis_used)
    );
    println!(
        "latency   p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
        at(0.5).unwrap_or_default(),
        at(0.99).unwrap_or_default(),
        at(0.999).unwrap_or_default(),
        at(1.0).unwrap_or_default(),
    );
}

/// The same script by `redis-benchmark`, which cannot count generations: it presents what is current, one `GET` more.
fn beside(redis: &Redis, tasks: u64, shapes: &[(&str, &str)]) -> Result<(), Failure> {
    let example = session(0);
    let presented = "\\0".repeat(7) + "\\200" + &"\\7".repeat(8) + &"\\0".repeat(26);
    let script = [
        include_str!("../src/lua/session.lua"),
        "local v = redis.call('GET', KEYS[1])\n",
        &format!("local ARGV = {{ string.sub(v, 2, 9) .. '{presented}', '' }}\n"),
        include_str!("../src/lua/rotate.lua"),
    ]
    .concat();
    let hash = redis.ask(&["SCRIPT", "LOAD", &script]);
    let id = example.id.to_string();
    let (common, _) = id.split_at(20);
    let key = format!("daemun:s:{{{common}__rand_int__}}");
    let url = redis.url();
    let (path, password) = url.split_once("?pass=").ok_or("another address")?;
    let path = path.trim_start_matches("redis+unix://");
    for (clients, pipelined) in shapes {
        let used = processor_time(&redis.pid().to_string())?;
        let ran = Command::new("redis-benchmark")
            .args([
                "-s",
                path,
                "-a",
                password,
                "-n",
                "300000",
                "--csv",
                "-r",
                &tasks.to_string(),
            ])
            .args(["-c", clients, "-P", pipelined, "EVALSHA", &hash, "1", &key])
            .output()?;
        let used = processor_time(&redis.pid().to_string())? - used;
        let said = String::from_utf8_lossy(&ran.stdout);
        let rate = said.lines().last().and_then(|line| line.split('"').nth(3));
        println!(
            "beside    {:>9} /s by redis-benchmark, {clients} clients that each send {pipelined} at once; {:.2} µs in Redis",
            rate.unwrap_or("?"),
            used.as_secs_f64() * 1e6 / 300_000.0
        );
    }
    Ok(())
}

fn memory(redis: &Redis) -> Result<u64, Failure> {
    field(redis, "memory", "used_memory")
}

fn field(redis: &Redis, section: &str, field: &str) -> Result<u64, Failure> {
    let info = redis.ask(&["INFO", section]);
    let mut fields = info.lines().filter_map(|line| line.trim().split_once(':'));
    let found = fields.find(|(name, _)| *name == field);
    Ok(found.ok_or("no such field")?.1.parse()?)
}

async fn fill(store: &Arc<RedisStore>, sessions: u64) -> Result<(), Failure> {
    let fillers: Vec<_> = (0..64)
        .map(|part| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for n in (part..sessions).step_by(64) {
                    let put = Put {
                        session: &session(n),
                        kept_until: None,
                        replaces: None,
                    };
                    store.put(put).await?.ok_or("an id twice")?;
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
    store: Arc<RedisStore>,
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
        let rotation = Rotation {
            session: session.id,
            subject: session.subject.clone(),
            contract: session.contract.clone(),
            presented: Presented {
                generation,
                by: ClientPrint([7; 8]),
                at: session.created_at + Duration::from_millis(generation),
            },
            network: Network::of([192, 0, 2, 1].into()),
            policy: RotationPolicy::default(),
            horizon: Duration::from_secs(600),
        };
        let Rotated::Judged {
            verdict: Verdict::Rotated,
            ..
        } = store.rotate(&rotation).await?
        else {
            return Err("a rotation was refused".into());
        };
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// The last twelve digits of its id are `n`, decimal, which is what `redis-benchmark` makes up.
fn session(n: u64) -> Session {
    let now = Timestamp::from_unix_seconds(BEGIN);
    let id = SessionId::new(now, [0; 10]).to_string();
    let (common, _) = id.split_at(20);
    let id = format!("{common}{n:012}")
        .parse()
        .unwrap_or_else(|_| SessionId::new(now, [1; 10]));
    Session {
        id,
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

/// User and system time of a process, from `/proc` (Linux), in ticks of ten milliseconds.
fn processor_time(process: &str) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no such stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |at: usize| -> Result<u64, Failure> { Ok(fields.get(at).ok_or("no such field")?.parse()?) };
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
