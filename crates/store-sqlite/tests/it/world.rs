//! What the tests of the file are made of.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use daemun_engine::{
    account::{PasswordHash, Status},
    address::{Email, Identifier},
    client::{ClientPrint, Network},
    ids::SessionId,
    ports::{Accounts, NewAccount, Origin, Registered, Rotated, Rotation, Sessions},
    session::{Burst, CallerSubject, Presented, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};
use daemun_store_sqlite::SqliteStore;

pub const HORIZON: Duration = Duration::from_secs(600);
const HERE: ClientPrint = ClientPrint([1; 8]);

pub fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

pub fn origin() -> Origin {
    Origin {
        contract: "test".into(),
        network: None,
    }
}

pub fn email(text: &str) -> Identifier {
    Identifier::Email(Email::parse(text).unwrap())
}

/// A sign-up without a code.
pub fn sign_up(address: &str) -> NewAccount {
    NewAccount {
        identifier: email(address),
        nickname: None,
        profile: [].into(),
        password: PasswordHash::from_stored("$argon2id$"),
        status: Status::Unverified,
        code: None,
        now: now(),
        origin: origin(),
    }
}

pub async fn registered(store: &SqliteStore, new: NewAccount) -> daemun_engine::ids::AccountId {
    match store.register(new).await.unwrap() {
        Registered::Created(id) => id,
        other => panic!("not created: {other:?}"),
    }
}

/// A caller's session, whose id lies anywhere among others.
pub fn session(at: Timestamp) -> Session {
    let mut random = [0; 10];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    Session {
        id: SessionId::new(at, random),
        subject: Subject::Caller(CallerSubject::new("somebody", "user")),
        contract: "test".into(),
        generation: 1,
        rotated_at: at,
        rotated_by: HERE,
        burst: Burst::beginning(1, at),
        recovered: None,
        created_at: at,
        idle: Duration::from_secs(86_400),
        expires_at: at + Duration::from_secs(86_400 * 30),
        revoked: None,
        user_agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)".into(),
        network: "192.0.2.0/24".into(),
    }
}

pub async fn present(
    store: &SqliteStore,
    session: &Session,
    generation: u64,
    at: Timestamp,
) -> (Verdict, Session) {
    let rotation = Rotation {
        session: session.id,
        subject: session.subject.clone(),
        contract: session.contract.clone(),
        presented: Presented {
            generation,
            by: HERE,
            at,
        },
        network: Network::of([192, 0, 2, 1].into()),
        policy: RotationPolicy::default(),
        horizon: HORIZON,
    };
    match store.rotate(rotation).await.unwrap() {
        Rotated::Judged {
            verdict, session, ..
        } => (verdict, *session),
        other => panic!("not judged: {other:?}"),
    }
}

/// The file that SQLite keeps beside the database.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
