//! What the stores of an installation are set up to promise: asked of the servers themselves, and
//! said in the words of whoever will be held to it.

use daemun_store_postgres::PostgresStore;
use daemun_store_redis::RedisStore;

use crate::{config::Note, stores::Choice};

/// What is wrong with the stores, and what an operator should know of them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What keeps a server from starting, or its promises from holding.
    pub(crate) problems: Vec<Note>,
    /// What else there is to know.
    pub(crate) notes: Vec<Note>,
}

impl Findings {
    fn problem(&mut self, at: &str, what: impl Into<String>, why: impl Into<String>) {
        self.problems.push(note(at, what, why));
    }

    fn note(&mut self, at: &str, what: impl Into<String>, why: impl Into<String>) {
        self.notes.push(note(at, what, why));
    }
}

fn note(at: &str, what: impl Into<String>, why: impl Into<String>) -> Note {
    Note {
        at: at.into(),
        what: what.into(),
        why: why.into(),
    }
}

/// Asks every server that is configured. Nothing is made or changed.
pub(crate) async fn ask(choice: &Choice) -> Findings {
    let mut findings = Findings::default();
    if let Some(url) = &choice.accounts {
        let options = choice.postgres_options();
        match PostgresStore::open_existing(url.reveal(), options).await {
            Ok(store) => postgres(&store, choice, &mut findings).await,
            Err(daemun_store_postgres::OpenError::Absent) => findings.note(
                "store.accounts",
                "the database is empty",
                "the first server that starts makes the tables",
            ),
            Err(error) => findings.problem("store.accounts", error.to_string(), ""),
        }
    }
    if let Some(url) = &choice.sessions {
        let options = daemun_store_redis::Options::default();
        match RedisStore::open(url.reveal(), options).await {
            Ok(store) => redis(&store, &mut findings).await,
            Err(error) => findings.problem("store.sessions", error.to_string(), ""),
        }
    }
    findings
}

async fn postgres(store: &PostgresStore, choice: &Choice, findings: &mut Findings) {
    let at = "store.accounts";
    let promises = match store.promises().await {
        Ok(promises) => promises,
        Err(error) => return findings.problem(at, error.to_string(), ""),
    };
    let version = format!("PostgreSQL {}", promises.version);
    if promises.is_standby {
        findings.problem(
            at,
            format!("{version} is a standby, which takes no writes"),
            "name the primary, or several hosts and target_session_attrs=read-write",
        );
    }
    if !promises.fsync || !promises.full_page_writes {
        findings.problem(
            at,
            "fsync or full_page_writes is off",
            "what was acknowledged is lost, or the database destroyed, when the machine dies",
        );
    }
    match (&*promises.synchronous_commit, &*promises.synchronous_standbys) {
        ("off", _) => findings.problem(
            at,
            "synchronous_commit is off",
            "answers that say \"done\" would be lost when the server dies: ALTER DATABASE … SET synchronous_commit = on",
        ),
        (_, "") => findings.note(
            at,
            format!("{version} answers once a commit is on its own disk"),
            "what a standby had not received is lost when it takes over: sessions opened since are unknown, sessions ended since are open again. synchronous_standby_names would have it wait for one",
        ),
        (_, standbys) => findings.note(
            at,
            format!("{version} answers once a commit is on disk here and at {standbys}"),
            "nothing is lost when that one takes over",
        ),
    }
    let nodes = usize::try_from(promises.max_connections).unwrap_or(0) / (choice.connections + 2);
    findings.note(
        at,
        format!("its {} connections are enough for {nodes} nodes", promises.max_connections),
        "a node opens store.connections of them, one to listen, and one while a command runs beside it",
    );
}

async fn redis(store: &RedisStore, findings: &mut Findings) {
    let at = "store.sessions";
    let promises = match store.promises().await {
        Ok(promises) => promises,
        Err(error) => return findings.problem(at, error.to_string(), ""),
    };
    for problem in promises.problems() {
        findings.problem(at, problem, "sessions would be lost, or not taken");
    }
    let version = format!("Redis {}", promises.version);
    let kept = match (promises.appendonly, promises.appendfsync.as_deref()) {
        (true, Some("always")) => {
            "a login, a refresh and a logout are on disk before they are answered (appendfsync always)"
        }
        (true, _) => {
            "up to a second of them is lost when the machine dies (appendfsync everysec): sessions opened then are unknown, a token ahead of the store is honoured once, sessions ended then are open again. appendfsync always closes that"
        }
        (false, _) => {
            "all of them are lost at a restart (appendonly no): everybody is logged out, access tokens from before are refused"
        }
    };
    findings.note(at, format!("{version} keeps sessions"), kept);
    let failover = match (promises.replicas, promises.min_replicas_to_write) {
        (0, _) => "it has no replica: while it is down nobody logs in or refreshes",
        (_, Some(1..)) => {
            "it takes no writes without replicas; what had not reached the one that takes over is lost as above"
        }
        _ => {
            "what had not reached the replica that takes over is lost as above; min-replicas-to-write bounds how much"
        }
    };
    findings.note(at, format!("{version} fails over"), failover);
}
