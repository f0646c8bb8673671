//! Refreshing sessions: the hot path of the whole server.
//!
//! Refreshes that arrive together share two statements. One reads their sessions, the engine judges
//! each, and one writes what changed, guarded by what was read: a row that somebody else changed
//! meanwhile stays as it is, and its tokens are judged again. So nothing is locked between the two,
//! and the one flush of the disk that a commit costs serves all. Each is answered after it.
//!
//! What is rare (a recovery, a token ahead of the store, reuse) writes more than a row; it has a
//! transaction of its own.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use daemun_engine::{
    ids::SessionId,
    ports::{Rotated, Rotation, StoreError, Stored},
    revocation::RevokedThing,
    session::{RevokeReason, Session, Verdict, decide},
};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    db::{Client, Db, Fault, Tx, transaction},
    revocations,
    rows::{all, execute},
    sessions::{self, select_session},
    upkeep,
};

/// How many refreshes share a statement at most, so that none waits long for its answer.
const BATCH: usize = 256;
/// How many batches are under way: while one is flushed the next is read and judged.
const WORKERS: usize = 2;
/// How often a batch judges anew what others changed; what is left then takes turns by locks.
const ROUNDS: usize = 3;

/// The queue in front of the workers.
pub(crate) struct Rotations {
    jobs: mpsc::Sender<Job>,
    // They end with the store.
    _workers: JoinSet<()>,
}

struct Job {
    rotation: Rotation,
    answer: oneshot::Sender<Stored<Rotated>>,
}

impl Rotations {
    /// Starts the workers, on the runtime this is called on.
    pub(crate) fn start(db: &Db, queue: usize) -> Self {
        let (jobs, waiting) = mpsc::channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(work(db.clone(), Arc::clone(&waiting)));
        }
        Self {
            jobs,
            _workers: workers,
        }
    }

    pub(crate) async fn rotate(&self, rotation: Rotation) -> Stored<Rotated> {
        let stopped = || StoreError::Unavailable("refreshing has stopped".into());
        let (answer, answered) = oneshot::channel();
        self.jobs
            .try_send(Job { rotation, answer })
            .map_err(|_| StoreError::Unavailable("too many refreshes wait to be written".into()))?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

async fn work(db: Db, waiting: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        // Whoever waits for the lock meanwhile is the other worker.
        if waiting.lock().await.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        serve(&db, batch).await;
    }
}

/// Answers every one of them.
async fn serve(db: &Db, mut batch: Vec<Job>) {
    for _ in 0..ROUNDS {
        batch = round(db, batch).await;
        if batch.is_empty() {
            return;
        }
    }
    for job in batch {
        alone(db, job).await;
    }
}

/// Judges a batch and writes it. Returns those whose session somebody else changed meanwhile.
async fn round(db: &Db, batch: Vec<Job>) -> Vec<Job> {
    let begun = begin(db, &batch).await;
    let (client, mut known) = match begun {
        Ok(begun) => begun,
        Err(fault) => return fail(batch, fault),
    };
    let mut judged = Vec::with_capacity(batch.len());
    let mut rare = Vec::new();
    for job in batch {
        match judge(&mut known, &job.rotation) {
            Some(rotated) => judged.push((job, rotated)),
            None => rare.push(job),
        }
    }
    let changed: BTreeMap<i64, &Known> = known
        .values()
        .filter(|known| known.now.generation != known.was.generation)
        .map(|known| (known.n, known))
        .collect();
    let lost = match write(&client, &changed).await {
        Ok(written) => changed
            .into_iter()
            .filter(|(n, _)| !written.contains(n))
            .map(|(_, known)| known.was.id)
            .collect::<HashSet<_>>(),
        Err(fault) => {
            let jobs = judged.into_iter().map(|(job, _)| job).chain(rare);
            return fail(jobs.collect(), fault);
        }
    };
    drop(client);
    let mut left = Vec::new();
    for (job, rotated) in judged {
        if lost.contains(&job.rotation.session) {
            left.push(job);
        } else {
            // Nobody may be waiting any more: a request that was given up.
            let _ = job.answer.send(Ok(rotated));
        }
    }
    for job in rare {
        alone(db, job).await;
    }
    left
}

/// A session as it was read, and as the batch leaves it.
struct Known {
    n: i64,
    was: Session,
    now: Session,
}

async fn begin(db: &Db, batch: &[Job]) -> Result<(Client, HashMap<SessionId, Known>), Fault> {
    let client = db.client().await?;
    let ids: HashSet<&[u8]> = batch
        .iter()
        .map(|job| &job.rotation.session.as_bytes()[..])
        .collect();
    let ids: Vec<&[u8]> = ids.into_iter().collect();
    let sql = select_session!("WHERE id = ANY ($1)");
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&ids]).await?;
    let known = all("sessions", &rows, |row| {
        let (n, session) = sessions::numbered(row)?;
        let known = Known {
            n,
            now: session.clone(),
            was: session,
        };
        Ok((known.was.id, known))
    })?;
    Ok((client, known.into_iter().collect()))
}

/// Judges one token; `None` where the verdict is a rare one, which is judged again by itself.
fn judge(known: &mut HashMap<SessionId, Known>, rotation: &Rotation) -> Option<Rotated> {
    let Some(known) = known.get_mut(&rotation.session) else {
        return Some(Rotated::Unknown);
    };
    if known.now.subject != rotation.subject || known.now.contract != rotation.contract {
        return Some(Rotated::Contradicts);
    }
    let mut session = known.now.clone();
    let verdict = decide(&mut session, rotation.presented, rotation.policy);
    match verdict {
        Verdict::Rotated => known.now = session.clone(),
        Verdict::Replayed | Verdict::Revoked(_) | Verdict::Expired => {}
        Verdict::Recovered | Verdict::RolledForward | Verdict::Reused => return None,
    }
    Some(Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation: None,
    })
}

/// Writes what changed, as far as nobody else changed it; the rows that were written.
async fn write(client: &Client, changed: &BTreeMap<i64, &Known>) -> Result<HashSet<i64>, Fault> {
    if changed.is_empty() {
        return Ok(HashSet::new());
    }
    // In the order of the rows, so that two batches that share some do not wait in a circle.
    let all = || changed.values();
    let column = |of: fn(&Known) -> i64| all().map(|known| of(known)).collect::<Vec<i64>>();
    let by: Vec<&[u8]> = all().map(|known| &known.now.rotated_by.0[..]).collect();
    let recovered: Vec<Option<i64>> = all()
        .map(|known| {
            known
                .was
                .recovered
                .map(|last| last.generation.cast_signed())
        })
        .collect();
    let sql = "UPDATE sessions AS s
                  SET generation = u.generation, rotated_at = u.rotated_at,
                      rotated_by = u.rotated_by, burst_from = u.burst_from,
                      burst_at = u.burst_at, burst_before = u.burst_before
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                             $6::bigint[], $7::bytea[], $8::bigint[], $9::bigint[], $10::bigint[])
                   AS u (n, was, was_at, was_recovered, generation, rotated_at, rotated_by,
                         burst_from, burst_at, burst_before)
                WHERE s.n = u.n AND s.generation = u.was AND s.rotated_at = u.was_at
                  AND s.revoked_at IS NULL AND s.recovered IS NOT DISTINCT FROM u.was_recovered
               RETURNING s.n";
    let statement = client.prepare_cached(sql).await?;
    let rows = client
        .query(
            &statement,
            &[
                &column(|known| known.n),
                &column(|known| known.was.generation.cast_signed()),
                &column(|known| known.was.rotated_at.unix_micros()),
                &recovered,
                &column(|known| known.now.generation.cast_signed()),
                &column(|known| known.now.rotated_at.unix_micros()),
                &by,
                &column(|known| known.now.burst.from.cast_signed()),
                &column(|known| known.now.burst.at.unix_micros()),
                &column(|known| known.now.burst.before.cast_signed()),
            ],
        )
        .await?;
    let written = crate::rows::all("sessions", &rows, |row| row.get(0))?;
    Ok(written.into_iter().collect())
}

/// Nothing is known of what became of the batch: each token may be presented again. Nobody is left.
fn fail(batch: Vec<Job>, fault: Fault) -> Vec<Job> {
    let (corrupt, what) = match StoreError::from(fault) {
        StoreError::Corrupt(what) => (true, what),
        StoreError::Unavailable(what) => (false, what),
    };
    tracing::error!(error = %what, refreshes = batch.len(), "refreshes failed");
    for job in batch {
        let error = if corrupt {
            StoreError::Corrupt(what.clone())
        } else {
            StoreError::Unavailable(what.clone())
        };
        let _ = job.answer.send(Err(error));
    }
    Vec::new()
}

/// Judges one token under a lock of its session's row, and answers.
async fn alone(db: &Db, job: Job) {
    let Job { rotation, answer } = job;
    let rotated = async { transaction!(db, tx, rotate(&tx, &rotation)) }.await;
    let _ = answer.send(rotated.map_err(StoreError::from));
}

/// Judges a token and writes what the verdict says. The session's row is locked.
pub(crate) async fn rotate(tx: &Tx<'_>, rotation: &Rotation) -> Result<Rotated, Fault> {
    let Some((n, mut session)) = sessions::locked(tx, rotation.session).await? else {
        return Ok(Rotated::Unknown);
    };
    if session.subject != rotation.subject || session.contract != rotation.contract {
        return Ok(Rotated::Contradicts);
    }
    let at = rotation.presented.at;
    let verdict = decide(&mut session, rotation.presented, rotation.policy);
    let mut revocation = None;
    match verdict {
        Verdict::Replayed | Verdict::Revoked(_) | Verdict::Expired => {}
        Verdict::Rotated | Verdict::RolledForward => write_generation(tx, n, &session).await?,
        Verdict::Recovered => write_recovery(tx, n, &session).await?,
        Verdict::Reused => {
            sessions::write_revoked(tx, &[n], at, RevokeReason::Reused).await?;
        }
    }
    if let Some(event) = rotation.audit(&session, verdict) {
        upkeep::record(tx, &event).await?;
    }
    if verdict == Verdict::Reused {
        let thing = RevokedThing::Session(session.id);
        let until = at + rotation.horizon;
        let logged = revocations::log(tx, &[thing], RevokeReason::Reused, until).await?;
        revocation = logged.into_iter().next();
    }
    Ok(Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation,
    })
}

async fn write_generation(tx: &Tx<'_>, n: i64, session: &Session) -> Result<(), Fault> {
    execute(
        tx,
        "UPDATE sessions
            SET generation = $2, rotated_at = $3, rotated_by = $4,
                burst_from = $5, burst_at = $6, burst_before = $7
          WHERE n = $1",
        &[
            &n,
            &session.generation.cast_signed(),
            &session.rotated_at.unix_micros(),
            &&session.rotated_by.0[..],
            &session.burst.from.cast_signed(),
            &session.burst.at.unix_micros(),
            &session.burst.before.cast_signed(),
        ],
    )
    .await
    .map(drop)
}

async fn write_recovery(tx: &Tx<'_>, n: i64, session: &Session) -> Result<(), Fault> {
    let sql =
        "UPDATE sessions SET recovered = $2, recovered_at = $3, recovered_by = $4 WHERE n = $1";
    let generation = session.recovered.map(|last| last.generation.cast_signed());
    let at = session.recovered.map(|last| last.at.unix_micros());
    let by = session.recovered.map(|last| last.by.0.to_vec());
    execute(tx, sql, &[&n, &generation, &at, &by])
        .await
        .map(drop)
}
