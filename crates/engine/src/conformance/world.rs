//! What the cases are made of: accounts, sessions, codes, and a clock that stands still.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    account::{Account, PasswordHash, Status},
    address::{Email, Identifier, Phone},
    audit::{AuditEvent, AuditKind},
    client::{ClientPrint, Network},
    code::{CodeAlphabet, CodeHash, CodePolicy, CodePurpose},
    ids::{AccountId, SessionId},
    ports::{
        AuditSubject, CodeAttempt, NewAccount, NewCode, Origin, OutgoingMessage, Registered,
        Revoke, RevokeTarget, Rotated, Rotation, StatusChange, Store,
    },
    revocation::Revocation,
    session::{Burst, Presented, RevokeReason, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};

pub(super) type AnyStore = Arc<dyn Store>;

pub(super) const HERE: ClientPrint = ClientPrint([1; 8]);
pub(super) const ELSEWHERE: ClientPrint = ClientPrint([2; 8]);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const A_DAY: Duration = Duration::from_secs(86_400);
/// How long the longest access token lives.
pub(super) const HORIZON: Duration = Duration::from_secs(600);

/// The time it is unless a case says otherwise.
pub(super) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(1_790_000_000)
}

pub(super) fn origin() -> Origin {
    Origin {
        contract: "conformance".into(),
        network: Some("192.0.2.0/24".into()),
    }
}

pub(super) fn email(text: &str) -> Identifier {
    Identifier::Email(Email::parse(text).unwrap())
}

pub(super) fn phone(text: &str) -> Identifier {
    Identifier::Phone(Phone::parse(text).unwrap())
}

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text)
}

pub(super) fn code_policy() -> CodePolicy {
    CodePolicy {
        alphabet: CodeAlphabet::Digits,
        length: 6,
        lifetime: HOUR,
        tries: 5,
        resend_gap: MINUTE,
        daily_cap: 10,
    }
}

pub(super) fn message(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        sealed: text.into(),
        useless_after: now() + HOUR,
    }
}

/// A sign-up with that address and code.
pub(super) fn sign_up(identifier: &Identifier, code: &'static str) -> NewAccount {
    let target = identifier.key();
    NewAccount {
        identifier: identifier.clone(),
        nickname: None,
        profile: [].into(),
        password: hash("$argon2id$first"),
        status: Status::Unverified,
        code: Some(Box::new(move |account| {
            new_code(account, &target, code, now())
        })),
        now: now(),
        origin: origin(),
    }
}

pub(super) fn new_code(
    account: AccountId,
    target: &str,
    code: &'static str,
    at: Timestamp,
) -> NewCode {
    NewCode {
        account,
        purpose: CodePurpose::ConfirmAddress,
        target: target.into(),
        hash: CodeHash::from_stored(code.as_bytes()),
        policy: code_policy(),
        message: OutgoingMessage {
            sealed: code.into(),
            useless_after: at + HOUR,
        },
        now: at,
        origin: origin(),
    }
}

pub(super) fn attempt(account: AccountId, target: &str, code: &str, at: Timestamp) -> CodeAttempt {
    CodeAttempt {
        account,
        purpose: CodePurpose::ConfirmAddress,
        target: target.into(),
        hash: CodeHash::from_stored(code.as_bytes()),
        now: at,
        origin: origin(),
    }
}

/// An account that has signed up, and whose code is `code`.
pub(super) async fn unverified(
    store: &AnyStore,
    identifier: &Identifier,
    code: &'static str,
) -> AccountId {
    created(store.register(sign_up(identifier, code)).await.unwrap())
}

/// An account in use.
pub(super) async fn active(store: &AnyStore, address: &str) -> AccountId {
    let new = NewAccount {
        status: Status::Active { since: now() },
        code: None,
        ..sign_up(&email(address), "")
    };
    created(store.register(new).await.unwrap())
}

pub(super) fn created(registered: Registered) -> AccountId {
    match registered {
        Registered::Created(id) => id,
        other => panic!("not created: {other:?}"),
    }
}

pub(super) async fn account(store: &AnyStore, id: AccountId) -> Account {
    store.account(id).await.unwrap().unwrap()
}

/// A session begun at `at`, not yet in a store.
pub(super) fn session_at(subject: Subject, at: Timestamp) -> Session {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Session {
        id: SessionId::new(at, random),
        subject,
        contract: "conformance".into(),
        generation: 1,
        rotated_at: at,
        rotated_by: HERE,
        burst: Burst::beginning(1, at),
        recovered: None,
        created_at: at,
        idle: A_DAY,
        expires_at: at + A_DAY * 30,
        revoked: None,
        user_agent: "a browser".into(),
        network: "192.0.2.0/24".into(),
    }
}

/// A session of an account, open.
pub(super) async fn opened(store: &AnyStore, account: AccountId) -> Session {
    opened_at(store, account, now()).await
}

pub(super) async fn opened_at(store: &AnyStore, account: AccountId, at: Timestamp) -> Session {
    let session = session_at(Subject::Account(account), at);
    let opened = store.open_session(session.clone().into()).await.unwrap();
    assert_eq!(opened, crate::ports::Opened::Opened(Vec::new()));
    session
}

/// A session of a fresh account, open.
pub(super) async fn someones(store: &AnyStore) -> Session {
    let account = active(store, "someone@example.com").await;
    opened(store, account).await
}

pub(super) async fn session(store: &AnyStore, id: SessionId) -> Session {
    store.session(id).await.unwrap().unwrap()
}

/// The refresh token of that generation, presented.
pub(super) fn presented(
    session: &Session,
    generation: u64,
    by: ClientPrint,
    at: Timestamp,
) -> Rotation {
    Rotation {
        session: session.id,
        subject: session.subject.clone(),
        contract: session.contract.clone(),
        presented: Presented { generation, by, at },
        network: Network::of([198, 51, 100, 7].into()),
        policy: RotationPolicy::default(),
        horizon: HORIZON,
    }
}

/// Presents the token of that generation and expects it to be judged.
pub(super) async fn present(
    store: &AnyStore,
    session: &Session,
    generation: u64,
    by: ClientPrint,
    at: Timestamp,
) -> (Verdict, Session) {
    judged(
        store
            .rotate(presented(session, generation, by, at))
            .await
            .unwrap(),
    )
}

pub(super) fn judged(rotated: Rotated) -> (Verdict, Session) {
    match rotated {
        Rotated::Judged {
            verdict, session, ..
        } => (verdict, *session),
        other => panic!("not judged: {other:?}"),
    }
}

/// Rotates a session to that generation, a minute apart; when it got there.
pub(super) async fn rotated_to(store: &AnyStore, session: &Session, generation: u64) -> Timestamp {
    let mut at = now();
    for current in 1..generation {
        at = at + MINUTE;
        let (verdict, _) = present(store, session, current, HERE, at).await;
        assert_eq!(verdict, Verdict::Rotated);
    }
    at
}

pub(super) fn revoke(target: RevokeTarget, at: Timestamp) -> Revoke {
    Revoke {
        target,
        reason: RevokeReason::LoggedOut,
        now: at,
        horizon: HORIZON,
        origin: origin(),
    }
}

pub(super) fn status_change(account: AccountId, status: Status, at: Timestamp) -> StatusChange {
    StatusChange {
        account,
        expected: None,
        status,
        words: None,
        reason: RevokeReason::Suspended,
        now: at,
        horizon: HORIZON,
        origin: origin(),
    }
}

pub(super) fn suspended(at: Timestamp) -> Status {
    Status::Suspended {
        since: at,
        until: None,
    }
}

pub(super) fn withdrawn(at: Timestamp, erase_at: Option<Timestamp>) -> Status {
    Status::Withdrawn {
        since: at,
        erase_at,
    }
}

/// The whole log of revocations.
pub(super) async fn log(store: &AnyStore) -> Vec<Revocation> {
    store.revocations_after(0, now()).await.unwrap()
}

/// What the trail tells about somebody or something, newest first.
pub(super) async fn trail(store: &AnyStore, about: AuditSubject) -> Vec<AuditEvent> {
    store.audit(about, 100).await.unwrap()
}

pub(super) async fn kinds(store: &AnyStore, about: AuditSubject) -> Vec<AuditKind> {
    let trail = trail(store, about).await;
    trail.into_iter().map(|event| event.kind).collect()
}

/// What lies in the outbox at `at`, held from now on.
pub(super) async fn messages(store: &AnyStore, at: Timestamp) -> Vec<String> {
    let claimed = store.claim_messages(at, MINUTE, 100).await.unwrap();
    claimed
        .into_iter()
        .map(|message| String::from_utf8(message.sealed).unwrap())
        .collect()
}

/// Does `work` many times at once, and gathers what came of it.
pub(super) async fn at_once<T, F, W>(times: usize, work: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize) -> W,
    W: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for n in 0..times {
        tasks.spawn(work(n));
    }
    tasks.join_all().await
}

/// How often `item` occurs.
pub(super) fn count<T: PartialEq>(items: &[T], item: &T) -> usize {
    items.iter().filter(|other| *other == item).count()
}

pub(super) fn distinct<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}
