//! What the engine needs of the world, as traits.
//!
//! A store's methods are whole business facts: each is one transaction, guarded by the write
//! itself, and has happened durably when it returns. There is no per-row access and no transaction
//! object, so a store can coalesce, script or shard as it likes. Judging stays here: stores call
//! the pure functions [`session::decide`](crate::session::decide),
//! [`code::judge`](crate::code::judge) and [`code::may_send`](crate::code::may_send) inside their
//! transaction and write what those say.

use std::time::Duration;

use async_trait::async_trait;
use unicode_normalization::UnicodeNormalization;

use crate::{
    account::{Account, PasswordHash, Profile, Status},
    address::Identifier,
    audit::{AuditEvent, AuditKind},
    changes::Changes,
    code::{CodeHash, CodePolicy, CodePurpose},
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::{AccountId, SessionId},
    import::Import,
    nodes::Nodes,
    revocation::Revocation,
    service_key::ServiceKeys,
    session::{Presented, RevokeReason, RotationPolicy, Session, Subject, Verdict},
    time::Timestamp,
};

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Chance, good enough for secrets.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`] where the system gives none; the operation then fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoEntropy;

/// Why a store could not do what it was asked. Whatever the kind, the answer to a client denies.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, is full, or took too long: worth another try.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A row that cannot be. Names table, column and row.
    #[error("the store holds what cannot be: {0}")]
    Corrupt(String),
}

/// The result of asking a store.
pub type Stored<T> = Result<T, StoreError>;

/// Accounts and the codes that prove their addresses.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes an account, and with it the code that will prove its address and the message that
    /// carries the code. The code's hash is bound to the account's id, which is not known before:
    /// `new.code` makes both once it is.
    async fn register(&self, new: NewAccount) -> Stored<Registered>;

    /// Whether some account has that address, and whether some has that nickname. A hint: only
    /// [`register`](Self::register) decides.
    async fn taken(&self, identifier: Option<&Identifier>, nickname: Option<&str>)
    -> Stored<Taken>;

    /// Replaces password, nickname and fields of an account that was never verified, as a repeated
    /// sign-up does. False where there is no such account, or it is no longer unverified. A
    /// nickname that is another's is not taken from them: the account keeps the one it had.
    async fn replace_unverified(
        &self,
        id: AccountId,
        password: PasswordHash,
        nickname: Option<Box<str>>,
        profile: Profile,
    ) -> Stored<bool>;

    /// Sends a code: keeps its hash, kills the one before, puts the message into the outbox.
    async fn send_code(&self, code: NewCode) -> Stored<CodeSent>;

    /// Puts a message to an account's owner into the outbox, under the same gap and cap as codes,
    /// which it counts towards: asking in somebody's name must not flood them.
    async fn notify(&self, notice: NewNotice) -> Stored<CodeSent>;

    /// Presents a code. A right one is used up, proves the address and makes an unverified account
    /// active; a wrong one costs a try.
    async fn redeem_code(&self, attempt: CodeAttempt) -> Stored<CodeRedeemed>;

    /// The account with that identifier, and its password hash.
    async fn account_by_identifier(
        &self,
        identifier: &Identifier,
    ) -> Stored<Option<(Account, PasswordHash)>>;

    /// The account of that id.
    async fn account(&self, id: AccountId) -> Stored<Option<Account>>;

    /// Accounts in order of id, after `after`, at most `limit`.
    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Stored<Vec<Account>>;

    /// Accounts in order of their cut-offs (and of their ids where these are equal), after that
    /// place, at most `limit`.
    async fn accounts_by_cut_off(
        &self,
        after: (Timestamp, AccountId),
        limit: u32,
    ) -> Stored<Vec<Account>>;

    /// Puts a stronger hash of the same password in place of `old`; false where it has changed
    /// since.
    async fn replace_password_hash(
        &self,
        id: AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Stored<bool>;

    /// Remembers a login at `now`, where the account may be used at this moment; false where it may
    /// not, or is none.
    async fn admit(&self, id: AccountId, now: Timestamp) -> Stored<bool>;

    /// Sets an account's status. Leaving `Active` also ends every session of it, for `reason`, and
    /// returns the revocations. `None` where there is no such account, or it is not as `expected`.
    async fn set_status(&self, change: StatusChange) -> Stored<Option<Vec<Revocation>>>;

    /// Gives an account a role, or takes it away; false where that changes nothing, or there is no
    /// such account.
    async fn change_role(&self, change: RoleChange) -> Stored<bool>;
}

/// An account to be made.
pub struct NewAccount {
    /// Its address.
    pub identifier: Identifier,
    /// Its display name.
    pub nickname: Option<Box<str>>,
    /// What it has in the fields of a team's own.
    pub profile: Profile,
    /// The hash of its password.
    pub password: PasswordHash,
    /// Its status: unverified, or active where an operator vouches for the address or its contract
    /// asks for no proof.
    pub status: Status,
    /// The code that will prove the address, made once the id is known; `None` where an operator
    /// vouches.
    pub code: Option<NewAccountCode>,
    /// When.
    pub now: Timestamp,
    /// Through which contract, and from where.
    pub origin: Origin,
}

/// Which parts of a sign-up are somebody's already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The address.
    pub identifier: bool,
    /// The nickname.
    pub nickname: bool,
}

/// Makes a new account's code once its id is known: pure, called within the store's transaction.
pub type NewAccountCode = Box<dyn FnOnce(AccountId) -> NewCode + Send>;

/// Where a fact came from, for the audit trail.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The contract; empty for an operator.
    pub contract: Box<str>,
    /// The client's network.
    pub network: Option<Box<str>>,
}

/// What became of a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The account exists now.
    Created(AccountId),
    /// The address has an account already. Checked before the nickname. Nothing was written.
    IdentifierTaken(AccountId),
    /// The nickname is another's. Nothing was written.
    NicknameTaken,
}

/// A code to be sent.
pub struct NewCode {
    /// For which account.
    pub account: AccountId,
    /// For what.
    pub purpose: CodePurpose,
    /// The key of the address it goes to.
    pub target: String,
    /// Its hash.
    pub hash: CodeHash,
    /// How codes are sent and live.
    pub policy: CodePolicy,
    /// The message that carries it.
    pub message: OutgoingMessage,
    /// When.
    pub now: Timestamp,
    /// Through which contract, and from where.
    pub origin: Origin,
}

/// A message that carries no code.
pub struct NewNotice {
    /// To the owner of which account.
    pub account: AccountId,
    /// The key of the address it goes to.
    pub target: String,
    /// What the audit trail calls it.
    pub kind: AuditKind,
    /// How often messages are sent.
    pub policy: CodePolicy,
    /// The message.
    pub message: OutgoingMessage,
    /// When.
    pub now: Timestamp,
    /// Through which contract, and from where.
    pub origin: Origin,
}

/// What became of sending a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSent {
    /// It is in the outbox; the one before is dead.
    Sent,
    /// Too soon, or too many today: nothing was sent, the code before lives on.
    Wait(Duration),
}

/// A presented code.
pub struct CodeAttempt {
    /// For which account.
    pub account: AccountId,
    /// For what.
    pub purpose: CodePurpose,
    /// The key of the address it was sent to.
    pub target: String,
    /// The hash of what was presented.
    pub hash: CodeHash,
    /// When.
    pub now: Timestamp,
    /// Through which contract, and from where.
    pub origin: Origin,
}

/// What became of a presented code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRedeemed {
    /// The address is proved.
    Proved,
    /// Wrong, expired, used, out of tries, or there was none.
    Refused,
}

/// A change of an account's status.
#[derive(Clone, Debug)]
pub struct StatusChange {
    /// Whose.
    pub account: AccountId,
    /// From what; from whatever it is where absent.
    pub expected: Option<Status>,
    /// To what.
    pub status: Status,
    /// Why, in an operator's words.
    pub words: Option<Box<str>>,
    /// Why its sessions end, where they do.
    pub reason: RevokeReason,
    /// When.
    pub now: Timestamp,
    /// How long the longest access token lives: revocations are kept that long.
    pub horizon: Duration,
    /// By whom.
    pub origin: Origin,
}

/// A change of what an account may do.
#[derive(Clone, Debug)]
pub struct RoleChange {
    /// Whose.
    pub account: AccountId,
    /// Which role.
    pub role: Box<str>,
    /// Whether it has it from now on.
    pub has: bool,
    /// When.
    pub now: Timestamp,
    /// By whom.
    pub origin: Origin,
}

/// Sessions and revocations.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session: guarded by the account's status at the moment of writing, so a suspension
    /// that comes first wins. Remembers the login on the account.
    async fn open_session(&self, opening: Opening) -> Stored<Opened>;

    /// Presents a refresh token of a former back end: one atomic step that opens its session where
    /// it was never presented before, and judges it as generation 1 of that session.
    async fn adopt(&self, adoption: Adoption) -> Stored<Adopted>;

    /// What is known of a foreign token.
    async fn foreign_token(&self, contract: &str, token: ForeignId)
    -> Stored<Option<ForeignState>>;

    /// Presents a refresh token: one atomic compare-and-set, judged by
    /// [`session::decide`](crate::session::decide).
    async fn rotate(&self, rotation: Rotation) -> Stored<Rotated>;

    /// The session of that id, live or not.
    async fn session(&self, id: SessionId) -> Stored<Option<Session>>;

    /// The live sessions of an account, newest first.
    async fn sessions_of(&self, account: AccountId, now: Timestamp) -> Stored<Vec<Session>>;

    /// The name of the log of revocations, where the store can tell one log from another: under
    /// another name, what was read before says nothing about what is in it now (a backup was
    /// restored, a replica took over). `None` where it cannot, and one process reads one log.
    async fn log_name(&self) -> Stored<Option<Box<str>>> {
        Ok(None)
    }

    /// Sessions of all accounts in order of id, after `after`, at most `limit`.
    async fn sessions(&self, after: Option<SessionId>, limit: u32) -> Stored<Vec<Session>>;

    /// Ends one session or all of an account's. Ending what is already over changes nothing and
    /// returns no revocation.
    async fn revoke(&self, revoke: Revoke) -> Stored<Vec<Revocation>>;

    /// The revocations after `seq` that are still in force, in order. Whoever has read up to a number
    /// never looks back, so an entry becomes visible only after all that stand before it.
    async fn revocations_after(&self, seq: u64, now: Timestamp) -> Stored<Vec<Revocation>>;

    /// The first `limit` of them. Nothing may come later that stands before what was read: whoever
    /// has read up to a number never looks back.
    async fn revocations_page(
        &self,
        seq: u64,
        now: Timestamp,
        limit: u32,
    ) -> Stored<Vec<Revocation>> {
        let mut page = self.revocations_after(seq, now).await?;
        page.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(page)
    }
}

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The session.
    pub session: Session,
    /// Whether the subject's other sessions of the same contract end with it.
    pub replaces: bool,
    /// How long the longest access token lives: revocations are kept that long.
    pub horizon: Duration,
}

impl From<Session> for Opening {
    /// A session that leaves the subject's others alone.
    fn from(session: Session) -> Self {
        Self {
            session,
            replaces: false,
            horizon: Duration::ZERO,
        }
    }
}

/// What became of opening a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is open; what it replaced was revoked.
    Opened(Vec<Revocation>),
    /// The account is not active (any more), or gone.
    Refused,
}

/// A refresh token, presented.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The session it names.
    pub session: SessionId,
    /// Whom it speaks of; contradiction refuses it and changes nothing.
    pub subject: Subject,
    /// The contract it was presented through; likewise.
    pub contract: Box<str>,
    /// Its generation, who presents it and when.
    pub presented: Presented,
    /// The network it comes from, for the audit trail.
    pub network: crate::client::Network,
    /// How forgiving to be.
    pub policy: RotationPolicy,
    /// How long the longest access token lives: revocations are kept that long.
    pub horizon: Duration,
}

impl Rotation {
    /// What the audit trail is told of a verdict; nothing of those that are every day's.
    /// `session` is as the verdict left it.
    #[must_use]
    pub fn audit(&self, session: &Session, verdict: Verdict) -> Option<AuditEvent> {
        let kind = match verdict {
            Verdict::Recovered => AuditKind::TokenRecovered,
            Verdict::RolledForward => AuditKind::TokenRolledForward,
            Verdict::Reused => AuditKind::TokenReused,
            Verdict::Rotated | Verdict::Replayed | Verdict::Revoked(_) | Verdict::Expired => {
                return None;
            }
        };
        Some(AuditEvent {
            at: self.presented.at,
            kind,
            contract: session.contract.clone(),
            account: session.subject.account(),
            session: Some(session.id),
            network: Some(self.network.to_string().into()),
            detail: Some(format!("generation {}", self.presented.generation).into()),
        })
    }
}

/// What became of a presented refresh token.
#[derive(Clone, Debug)]
pub enum Rotated {
    /// It was judged; the session is as the verdict left it, durably. `revocation` where the
    /// verdict revoked it just now.
    Judged {
        /// The verdict.
        verdict: Verdict,
        /// The session after it.
        session: Box<Session>,
        /// The revocation it caused.
        revocation: Option<Revocation>,
    },
    /// There is no such session.
    Unknown,
    /// Its claims contradict the session. Nothing was changed.
    Contradicts,
}

/// What to end.
#[derive(Clone, Debug)]
pub struct Revoke {
    /// One session, or all of a subject.
    pub target: RevokeTarget,
    /// Why.
    pub reason: RevokeReason,
    /// When.
    pub now: Timestamp,
    /// How long the longest access token lives: revocations are kept that long.
    pub horizon: Duration,
    /// By whom.
    pub origin: Origin,
}

/// One session, or all of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeTarget {
    /// One session, whoever owns it.
    Session(SessionId),
    /// One session, provided it belongs to this account.
    SessionOf(AccountId, SessionId),
    /// Every session of an account; also whatever was issued to it before now, which is why its
    /// cut-off moves even where no session of it lives.
    Account(AccountId),
    /// Every session that one contract opened for a subject of its callers, whatever its type.
    Caller {
        /// The contract.
        contract: Box<str>,
        /// The subject's name.
        name: Box<str>,
    },
}

/// Messages on their way out. A message commits with the fact it tells of, and a worker sends it.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Takes up to `limit` messages that are due, and holds them for `lease`, so that no other
    /// worker takes them meanwhile.
    async fn claim_messages(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Stored<Vec<ClaimedMessage>>;

    /// The message was handed over: its content is erased.
    async fn message_sent(&self, id: i64, now: Timestamp) -> Stored<()>;

    /// Handing it over failed: try again at `retry_at`, or give it up where `None`.
    async fn message_failed(&self, id: i64, error: &str, retry_at: Option<Timestamp>)
    -> Stored<()>;

    /// Waits until a message may have been put into the outbox. May wake for nothing.
    async fn wait_for_message(&self);
}

/// A message to be put into the outbox. The payload is sealed: a store cannot read it.
#[derive(Clone)]
pub struct OutgoingMessage {
    /// The sealed notice.
    pub sealed: Vec<u8>,
    /// After this there is no point in sending it.
    pub useless_after: Timestamp,
}

/// A message taken from the outbox.
#[derive(Clone)]
pub struct ClaimedMessage {
    /// Its place in the outbox.
    pub id: i64,
    /// The sealed notice.
    pub sealed: Vec<u8>,
    /// How often it has been tried before.
    pub attempts: u32,
    /// When it was put into the outbox.
    pub created_at: Timestamp,
    /// After this there is no point in sending it.
    pub useless_after: Timestamp,
}

/// The audit trail and housekeeping.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Adds an entry that tells of no other fact.
    async fn record(&self, event: AuditEvent) -> Stored<()>;

    /// The newest entries about an account or a session, newest first.
    async fn audit(&self, about: AuditSubject, limit: u32) -> Stored<Vec<AuditEvent>>;

    /// Deletes a little of what is over: dead sessions, codes, sent messages, old audit entries,
    /// forgotten revocations, accounts never verified. Returns how many rows; call again soon
    /// while that is not 0.
    async fn purge(&self, now: Timestamp, keep: &Retention) -> Stored<u64>;

    /// Erases a little of what is personal about an account whose time has come: addresses, names,
    /// password, roles and fields, sessions, codes, messages and when they were sent, and networks
    /// in the trail. Returns how many rows; 0 where it is not due, or not any more. Only with the
    /// last of them is it no longer due, so that what stops halfway is gone on with.
    async fn erase(&self, account: AccountId, now: Timestamp) -> Stored<u64>;

    /// Erases a little of whichever account is due. Returns how many rows; call again while that is
    /// not 0.
    async fn erase_due(&self, now: Timestamp) -> Stored<u64> {
        match self.next_erasure(now).await? {
            // Another may have come first, and be done with it: there may be more.
            Some(account) => Ok(self.erase(account, now).await?.max(1)),
            None => Ok(0),
        }
    }

    /// The account whose erasure is due first.
    async fn next_erasure(&self, now: Timestamp) -> Stored<Option<AccountId>>;

    /// How long revocations must be kept: as long as the longest access token of any contract that
    /// was ever mounted on this data, which is at least `at_least` from now on.
    async fn horizon(&self, at_least: Duration) -> Stored<Duration>;

    /// A cheap question that shows whether the store answers.
    async fn ping(&self) -> Stored<()>;
}

/// Whom to show the audit trail of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSubject {
    /// An account.
    Account(AccountId),
    /// A session.
    Session(SessionId),
    /// Everybody, of one kind.
    Kind(AuditKind),
}

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Dead sessions, so that they can still say why.
    pub sessions: Duration,
    /// Audit entries.
    pub audit: Duration,
    /// Accounts that were never verified.
    pub unverified: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |n: u64| Duration::from_secs(n * 86_400);
        Self {
            sessions: days(30),
            audit: days(180),
            unverified: days(7),
        }
    }
}

/// Signing keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Every key that is not yet retired.
    async fn keys(&self) -> Stored<Vec<StoredKey>>;

    /// Adds `key` and sets the states of others, in one write; refused (false) where `expected`,
    /// the ids of all keys the caller knows, is no longer what the store holds.
    async fn change_keys(&self, expected: &[Box<str>], change: KeyChange) -> Stored<bool>;
}

/// A signing key as a store keeps it: sealed.
#[derive(Clone)]
pub struct StoredKey {
    /// The key's id, public.
    pub kid: Box<str>,
    /// Its state.
    pub state: KeyState,
    /// The sealed seed.
    pub sealed: Vec<u8>,
    /// When it came into this state.
    pub since: Timestamp,
}

/// The life of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, not yet signing, so that every verifier knows it in time.
    Next,
    /// Signing.
    Active,
    /// Still verifying what it signed.
    VerifyOnly,
    /// Gone.
    Retired,
}

impl KeyState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Next, Self::Active, Self::VerifyOnly, Self::Retired];

    /// The stable name that stores and listings use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::VerifyOnly => "verify-only",
            Self::Retired => "retired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A change of the signing keys.
#[derive(Clone)]
pub struct KeyChange {
    /// A key to add.
    pub add: Option<StoredKey>,
    /// New states of keys there are.
    pub set: Vec<(Box<str>, KeyState)>,
    /// When.
    pub now: Timestamp,
}

/// Everything in one, for an installation whose one store holds it all.
pub trait Store:
    Accounts + Sessions + Outbox + Upkeep + KeyStore + Import + ServiceKeys + Changes + Nodes
{
}

impl<T> Store for T where
    T: Accounts + Sessions + Outbox + Upkeep + KeyStore + Import + ServiceKeys + Changes + Nodes
{
}

/// What decides whether two nicknames are the same: case and the composition of characters do not.
#[must_use]
pub fn nickname_key(nickname: &str) -> String {
    let folded = nickname.nfc().collect::<String>().to_lowercase();
    folded.nfc().collect()
}
