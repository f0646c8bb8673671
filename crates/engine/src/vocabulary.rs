//! The closed vocabulary contracts are written in: operations, their inputs, their outcomes, and
//! the values an answer may show.
//!
//! The contract room checks files against these tables, so a contract that loads has an answer for
//! everything that can happen. The engine's own types are richer; each operation's error says
//! which [`Outcome`] it is.

use std::time::Duration;

use crate::profile::MOST_FIELDS;

/// What a contract's tokens can be signed with.
pub use daemun_token::Algorithm;

/// What a contract's route can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Make an account and send the code that proves its address.
    SignUp,
    /// Send that code again.
    ResendCode,
    /// Prove the address.
    VerifyCode,
    /// Open a session.
    LogIn,
    /// Get new tokens for a refresh token.
    Refresh,
    /// Say whether a token is good.
    CheckToken,
    /// End the session of a refresh token, or of the request.
    LogOut,
    /// End every session of the account.
    LogOutEverywhere,
    /// Say whether the request is signed in; never an error.
    Probe,
    /// Say whom the request is from.
    WhoAmI,
    /// List the account's sessions.
    ListSessions,
    /// End one of the account's sessions.
    EndSession,
    /// Open a session for a subject that a trusted caller names.
    Issue,
    /// End every session of a subject that a trusted caller names.
    Revoke,
}

/// What a request can bring to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// An e-mail address or phone number.
    Identifier,
    /// A password.
    Password,
    /// A display name.
    Nickname,
    /// A code that was sent.
    Code,
    /// A token: for `refresh` and `log_out` the refresh token, for `check_token` any.
    Token,
    /// Whether to stay logged in (a JSON boolean, or `true`/`1`/`Y`/`on` as text).
    Keep,
    /// The id of a session.
    SessionId,
    /// An access token beside the refresh token, for `refresh` to fall back on.
    AccessToken,
    /// A trusted caller's own name of whom a session is for.
    Subject,
    /// What kind of subject that is, in the caller's own words.
    SubjectType,
    /// A field of the contract's own, by its place among those it declares.
    Profile(u8),
}

/// How an operation ends, and how a request fails before or beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// A needed input is absent.
    MissingField,
    /// A needed input is there, but empty. Answered as `missing_field` where not stated.
    BlankField,
    /// An input is not of the form it must have.
    InvalidField,
    /// The address has an account.
    IdentifierTaken,
    /// The nickname is another's.
    NicknameTaken,
    /// The password is too short, too long or too common.
    WeakPassword,
    /// No account has that address.
    UnknownAccount,
    /// The password is not the account's.
    WrongPassword,
    /// The account's address is not proved yet.
    Unverified,
    /// The account is shut out.
    Suspended,
    /// The account was given up.
    Withdrawn,
    /// The account's address was proved before; no code is needed.
    AlreadyVerified,
    /// A code was sent only just now.
    TooSoon,
    /// The code is wrong, expired, used up, or there is none.
    InvalidCode,
    /// Too many tries from this address or at this account.
    Throttled,
    /// More passwords to check than the machine can; try again soon.
    Busy,
    /// The request brought no token.
    MissingToken,
    /// The header that should bring a token is not of the form it must have.
    BadHeader,
    /// The token is malformed, forged, not ours, or of another contract.
    InvalidToken,
    /// The token is genuine, and its time is over.
    Expired,
    /// The token is genuine, but of the other type.
    WrongType,
    /// The token's session was ended.
    Revoked,
    /// The token was replaced long ago; its session has been ended now.
    Reused,
    /// The token's account is no more.
    AccountGone,
    /// There is no such thing, or it is another's.
    NotFound,
    /// Nobody is signed in.
    Anonymous,
    /// No refresh token can be used, and the access token beside it is good.
    AccessGood,
    /// No refresh token can be used, nor the access token beside it.
    AccessBad,
    /// What is asked for is done for trusted callers alone.
    UntrustedCaller,
    /// The body is not what its content type says, or a value is of the wrong JSON type.
    BadRequest,
    /// The body is larger than is read.
    TooLarge,
    /// The body's content type is none that is read here.
    UnsupportedMediaType,
    /// The path is there, but not for this method.
    MethodNotAllowed,
    /// Another site sent the request with the person's cookies.
    CrossSite,
    /// A store cannot answer now.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// A value an answer can show. Written `{{name}}` in a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The account's id, a number.
    AccountId,
    /// The account's id as text.
    AccountIdText,
    /// The e-mail address or null.
    AccountEmail,
    /// The phone number or null.
    AccountPhone,
    /// The nickname or null.
    AccountNickname,
    /// Whether the account is active, a boolean.
    AccountActive,
    /// The linked Kakao id or null.
    AccountKakao,
    /// When the account was made, RFC 3339.
    AccountCreatedAt,
    /// When it last logged in, RFC 3339, or null.
    AccountLastLogin,
    /// The session's id.
    SessionId,
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// Seconds until the access token expires, a number.
    AccessExpiresIn,
    /// Seconds until the refresh token expires, a number.
    RefreshExpiresIn,
    /// The name, on the wire, of the input that is at fault.
    Field,
    /// What is wrong with it, in stable words: `too_short`, `too_long`, `common`, `malformed`.
    Reason,
    /// What was sent as it, shortened; empty where it must not be shown.
    Value,
    /// A trusted caller's own name of whom the session is for, or null.
    Subject,
    /// The kind of that subject, or null.
    SubjectType,
    /// When the access token was issued, seconds since 1970, a number.
    IssuedAt,
    /// When the access token expires, seconds since 1970, a number.
    ExpiresAt,
    /// Whether the account has the role `admin`, a boolean.
    AccountAdmin,
    /// When the account was last changed, RFC 3339.
    AccountUpdatedAt,
    /// When the account was made, to the microsecond.
    AccountCreatedAtMicros,
    /// When it was last changed, to the microsecond.
    AccountUpdatedAtMicros,
    /// When it last logged in, to the microsecond, or null.
    AccountLastLoginMicros,
    /// What the account has in a field of the contract's own, by its place among those it declares.
    AccountProfile(u8),
    /// Seconds to wait, a number.
    RetryAfter,
    /// The account's sessions, a JSON array of objects.
    Sessions,
    /// The path of the request.
    RequestPath,
    /// The method of the request.
    RequestMethod,
    /// The content type of the request's body as it was sent, shortened.
    RequestType,
    /// The id of the request, as in the log.
    RequestId,
    /// Now, RFC 3339.
    Now,
    /// Now, `yyyy-MM-dd HH:mm:ss` in UTC.
    NowText,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 14] = [
        Self::SignUp,
        Self::ResendCode,
        Self::VerifyCode,
        Self::LogIn,
        Self::Refresh,
        Self::CheckToken,
        Self::LogOut,
        Self::LogOutEverywhere,
        Self::Probe,
        Self::WhoAmI,
        Self::ListSessions,
        Self::EndSession,
        Self::Issue,
        Self::Revoke,
    ];

    /// Its name in contracts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::ResendCode => "resend_code",
            Self::VerifyCode => "verify_code",
            Self::LogIn => "log_in",
            Self::Refresh => "refresh",
            Self::CheckToken => "check_token",
            Self::LogOut => "log_out",
            Self::LogOutEverywhere => "log_out_everywhere",
            Self::Probe => "probe",
            Self::WhoAmI => "who_am_i",
            Self::ListSessions => "list_sessions",
            Self::EndSession => "end_session",
            Self::Issue => "issue",
            Self::Revoke => "revoke",
        }
    }

    /// What it does, for people who read a contract.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::SignUp => "Make an account; a code goes to its address",
            Self::ResendCode => "Send the code again",
            Self::VerifyCode => "Prove the address with the code",
            Self::LogIn => "Log in",
            Self::Refresh => "Get new tokens for a refresh token",
            Self::CheckToken => "Say whether a token is good",
            Self::LogOut => "Log out here",
            Self::LogOutEverywhere => "Log out everywhere",
            Self::Probe => "Say whether the request is signed in",
            Self::WhoAmI => "Say whom the request is from",
            Self::ListSessions => "List the sessions of the account",
            Self::EndSession => "End one session of the account",
            Self::Issue => "Open a session for whom a trusted caller names",
            Self::Revoke => "End every session of whom a trusted caller names",
        }
    }

    /// The inputs a route must take for it.
    #[must_use]
    pub const fn required_inputs(self) -> &'static [Input] {
        match self {
            Self::SignUp | Self::LogIn => &[Input::Identifier, Input::Password],
            Self::ResendCode => &[Input::Identifier],
            Self::VerifyCode => &[Input::Identifier, Input::Code],
            Self::Refresh | Self::CheckToken => &[Input::Token],
            Self::EndSession => &[Input::SessionId],
            Self::Issue => &[Input::Subject, Input::SubjectType],
            Self::Revoke => &[Input::Subject],
            Self::LogOut
            | Self::LogOutEverywhere
            | Self::Probe
            | Self::WhoAmI
            | Self::ListSessions => &[],
        }
    }

    /// The inputs a route may take besides.
    #[must_use]
    pub const fn optional_inputs(self) -> &'static [Input] {
        match self {
            Self::SignUp => &[Input::Nickname],
            Self::ResendCode => &[Input::Password],
            Self::LogIn => &[Input::Keep],
            Self::Refresh => &[Input::AccessToken],
            Self::LogOut | Self::Probe => &[Input::Token],
            _ => &[],
        }
    }

    /// Whether a route for it must be guarded.
    #[must_use]
    pub const fn needs_guard(self) -> bool {
        matches!(
            self,
            Self::LogOutEverywhere | Self::WhoAmI | Self::ListSessions | Self::EndSession
        )
    }

    /// Whether only trusted callers may have it done.
    #[must_use]
    pub const fn needs_trust(self) -> bool {
        matches!(self, Self::Issue | Self::Revoke)
    }

    /// Whether it makes sense for accounts alone.
    #[must_use]
    pub const fn is_about_accounts(self) -> bool {
        matches!(
            self,
            Self::SignUp
                | Self::ResendCode
                | Self::VerifyCode
                | Self::LogIn
                | Self::LogOutEverywhere
                | Self::ListSessions
                | Self::EndSession
        )
    }

    /// Whether it writes, so that GET must not reach it and another site's request must not.
    #[must_use]
    pub const fn writes(self) -> bool {
        !matches!(
            self,
            Self::CheckToken | Self::Probe | Self::WhoAmI | Self::ListSessions
        )
    }

    /// Its outcomes. `MissingField` and `BlankField` are among them where it has inputs.
    #[must_use]
    pub const fn outcomes(self) -> &'static [Outcome] {
        use Outcome as O;
        match self {
            Self::SignUp => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidField,
                O::IdentifierTaken,
                O::NicknameTaken,
                O::WeakPassword,
                O::Throttled,
                O::Busy,
            ],
            Self::ResendCode => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::UnknownAccount,
                O::WrongPassword,
                O::AlreadyVerified,
                O::TooSoon,
                O::Throttled,
                O::Busy,
            ],
            Self::VerifyCode => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidCode,
                O::Throttled,
            ],
            Self::LogIn => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::UnknownAccount,
                O::WrongPassword,
                O::Unverified,
                O::Suspended,
                O::Withdrawn,
                O::Throttled,
                O::Busy,
            ],
            Self::Refresh => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidToken,
                O::Expired,
                O::WrongType,
                O::Revoked,
                O::Reused,
                O::AccountGone,
                O::Unverified,
                O::Suspended,
                O::Withdrawn,
                O::AccessGood,
                O::AccessBad,
            ],
            Self::CheckToken => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidToken,
                O::Expired,
                O::Revoked,
            ],
            Self::LogOut => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidToken,
                O::Expired,
                O::WrongType,
                O::Revoked,
            ],
            Self::Probe => &[O::Ok, O::Anonymous],
            Self::WhoAmI | Self::ListSessions | Self::LogOutEverywhere => &[O::Ok],
            Self::EndSession => &[O::Ok, O::MissingField, O::BlankField, O::NotFound],
            Self::Issue | Self::Revoke => &[
                O::Ok,
                O::MissingField,
                O::BlankField,
                O::InvalidField,
                O::UntrustedCaller,
            ],
        }
    }

    /// The values its `ok` may show, besides those every answer may.
    #[must_use]
    pub const fn ok_slots(self) -> &'static [Slot] {
        use Slot as S;
        match self {
            Self::LogIn | Self::Refresh => &[
                S::AccountId,
                S::AccountIdText,
                S::AccountEmail,
                S::AccountPhone,
                S::AccountNickname,
                S::AccountActive,
                S::AccountKakao,
                S::AccountCreatedAt,
                S::AccountUpdatedAt,
                S::AccountLastLogin,
                S::AccountCreatedAtMicros,
                S::AccountUpdatedAtMicros,
                S::AccountLastLoginMicros,
                S::AccountAdmin,
                S::SessionId,
                S::Access,
                S::Refresh,
                S::AccessExpiresIn,
                S::RefreshExpiresIn,
                S::Subject,
                S::SubjectType,
                S::IssuedAt,
                S::ExpiresAt,
            ],
            Self::Issue => &[
                S::Subject,
                S::SubjectType,
                S::SessionId,
                S::Access,
                S::Refresh,
                S::AccessExpiresIn,
                S::RefreshExpiresIn,
                S::IssuedAt,
                S::ExpiresAt,
            ],
            Self::WhoAmI | Self::Probe => &[
                S::AccountId,
                S::AccountIdText,
                S::AccountEmail,
                S::AccountPhone,
                S::AccountNickname,
                S::AccountActive,
                S::AccountKakao,
                S::AccountCreatedAt,
                S::AccountUpdatedAt,
                S::AccountLastLogin,
                S::AccountCreatedAtMicros,
                S::AccountUpdatedAtMicros,
                S::AccountLastLoginMicros,
                S::AccountAdmin,
                S::SessionId,
                S::AccessExpiresIn,
                S::Subject,
                S::SubjectType,
                S::IssuedAt,
                S::ExpiresAt,
            ],
            Self::ListSessions => &[S::SessionId, S::Sessions],
            Self::LogOut
            | Self::LogOutEverywhere
            | Self::EndSession
            | Self::Revoke
            | Self::SignUp
            | Self::ResendCode
            | Self::VerifyCode
            | Self::CheckToken => &[],
        }
    }
}

impl Input {
    /// Every input that contracts do not declare themselves.
    pub const ALL: [Self; 10] = [
        Self::Identifier,
        Self::Password,
        Self::Nickname,
        Self::Code,
        Self::Token,
        Self::Keep,
        Self::SessionId,
        Self::AccessToken,
        Self::Subject,
        Self::SubjectType,
    ];

    /// Its name in contracts; that of a declared field is known to its contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Password => "password",
            Self::Nickname => "nickname",
            Self::Code => "code",
            Self::Token => "token",
            Self::Keep => "keep",
            Self::SessionId => "session_id",
            Self::AccessToken => "access_token",
            Self::Subject => "subject",
            Self::SubjectType => "subject_type",
            Self::Profile(nth) => numbered(&PROFILE_INPUTS, nth),
        }
    }

    /// Its place in [`ALL`](Self::ALL); none where a contract declared it.
    #[must_use]
    pub const fn index(self) -> Option<usize> {
        Some(match self {
            Self::Identifier => 0,
            Self::Password => 1,
            Self::Nickname => 2,
            Self::Code => 3,
            Self::Token => 4,
            Self::Keep => 5,
            Self::SessionId => 6,
            Self::AccessToken => 7,
            Self::Subject => 8,
            Self::SubjectType => 9,
            Self::Profile(_) => return None,
        })
    }

    /// Whether an answer may show what was sent as it: no secret is ever echoed.
    #[must_use]
    pub const fn may_be_shown(self) -> bool {
        matches!(self, Self::Nickname | Self::Subject | Self::SubjectType)
    }
}

/// The names of declared fields where their own are not known: in marks, and in logs.
const PROFILE_INPUTS: [&str; MOST_FIELDS] = [
    "profile.#0",
    "profile.#1",
    "profile.#2",
    "profile.#3",
    "profile.#4",
    "profile.#5",
    "profile.#6",
    "profile.#7",
    "profile.#8",
    "profile.#9",
    "profile.#10",
    "profile.#11",
    "profile.#12",
    "profile.#13",
    "profile.#14",
    "profile.#15",
];

/// The same for what accounts show of them.
const PROFILE_SLOTS: [&str; MOST_FIELDS] = [
    "account.profile.#0",
    "account.profile.#1",
    "account.profile.#2",
    "account.profile.#3",
    "account.profile.#4",
    "account.profile.#5",
    "account.profile.#6",
    "account.profile.#7",
    "account.profile.#8",
    "account.profile.#9",
    "account.profile.#10",
    "account.profile.#11",
    "account.profile.#12",
    "account.profile.#13",
    "account.profile.#14",
    "account.profile.#15",
];

fn numbered(names: &'static [&'static str; MOST_FIELDS], nth: u8) -> &'static str {
    names.get(usize::from(nth)).copied().unwrap_or("profile.#")
}

/// What can be wrong with an input, in stable words, and the wider word that such a fault is
/// answered by where the contract has no answer for the narrower.
pub const REASONS: [(&str, Option<&str>); 12] = [
    ("malformed", None),
    ("too_short", None),
    ("too_long", None),
    ("common", None),
    ("out_of_range", None),
    ("null", None),
    ("wrong_type", None),
    ("is_text", Some("wrong_type")),
    ("is_boolean", Some("wrong_type")),
    ("is_number", Some("wrong_type")),
    ("is_list", Some("wrong_type")),
    ("is_object", Some("wrong_type")),
];

/// The wider word for a reason, where there is one.
#[must_use]
pub fn wider_reason(reason: &str) -> Option<&'static str> {
    let known = REASONS.iter().find(|(known, _)| *known == reason);
    known.and_then(|(_, wider)| *wider)
}

impl Outcome {
    /// How many there are.
    pub const COUNT: usize = Self::Internal as usize + 1;

    /// Every outcome, in the order of its discriminant.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Ok,
        Self::MissingField,
        Self::BlankField,
        Self::InvalidField,
        Self::IdentifierTaken,
        Self::NicknameTaken,
        Self::WeakPassword,
        Self::UnknownAccount,
        Self::WrongPassword,
        Self::Unverified,
        Self::Suspended,
        Self::Withdrawn,
        Self::AlreadyVerified,
        Self::TooSoon,
        Self::InvalidCode,
        Self::Throttled,
        Self::Busy,
        Self::MissingToken,
        Self::BadHeader,
        Self::InvalidToken,
        Self::Expired,
        Self::WrongType,
        Self::Revoked,
        Self::Reused,
        Self::AccountGone,
        Self::NotFound,
        Self::Anonymous,
        Self::AccessGood,
        Self::AccessBad,
        Self::UntrustedCaller,
        Self::BadRequest,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::MethodNotAllowed,
        Self::CrossSite,
        Self::Unavailable,
        Self::Internal,
    ];

    /// What any route can end in, whatever it does.
    pub const OF_EVERY_ROUTE: &'static [Self] = &[
        Self::BadRequest,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::MethodNotAllowed,
        Self::CrossSite,
        Self::Unavailable,
        Self::Internal,
    ];

    /// What a guard can answer.
    pub const OF_THE_GUARD: &'static [Self] = &[
        Self::MissingToken,
        Self::BadHeader,
        Self::InvalidToken,
        Self::Expired,
        Self::WrongType,
        Self::Revoked,
        Self::AccountGone,
        Self::Unverified,
        Self::Suspended,
        Self::Withdrawn,
    ];

    /// Its name in contracts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::MissingField => "missing_field",
            Self::BlankField => "blank_field",
            Self::InvalidField => "invalid_field",
            Self::IdentifierTaken => "identifier_taken",
            Self::NicknameTaken => "nickname_taken",
            Self::WeakPassword => "weak_password",
            Self::UnknownAccount => "unknown_account",
            Self::WrongPassword => "wrong_password",
            Self::Unverified => "unverified",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
            Self::AlreadyVerified => "already_verified",
            Self::TooSoon => "too_soon",
            Self::InvalidCode => "invalid_code",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::MissingToken => "missing_token",
            Self::BadHeader => "bad_header",
            Self::InvalidToken => "invalid_token",
            Self::Expired => "expired",
            Self::WrongType => "wrong_type",
            Self::Revoked => "revoked",
            Self::Reused => "reused",
            Self::AccountGone => "account_gone",
            Self::NotFound => "not_found",
            Self::Anonymous => "anonymous",
            Self::AccessGood => "access_good",
            Self::AccessBad => "access_bad",
            Self::UntrustedCaller => "untrusted_caller",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::CrossSite => "cross_site",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// The outcome whose answer serves where this one has none of its own.
    #[must_use]
    pub const fn falls_back_to(self) -> Option<Self> {
        match self {
            Self::BlankField => Some(Self::MissingField),
            Self::Reused => Some(Self::Revoked),
            _ => None,
        }
    }

    /// The values its answer may show besides those every answer may; `Ok` is told by the
    /// operation.
    #[must_use]
    pub const fn slots(self) -> &'static [Slot] {
        match self {
            Self::MissingField | Self::BlankField => &[Slot::Field],
            Self::InvalidField => &[Slot::Field, Slot::Reason, Slot::Value],
            Self::WeakPassword => &[Slot::Field, Slot::Reason],
            Self::AccessGood => &[Slot::Access],
            Self::TooSoon | Self::Throttled | Self::Busy | Self::Unavailable => &[Slot::RetryAfter],
            _ => &[],
        }
    }
}

impl Slot {
    /// Every slot that contracts do not declare themselves.
    pub const ALL: [Self; 34] = [
        Self::AccountId,
        Self::AccountIdText,
        Self::AccountEmail,
        Self::AccountPhone,
        Self::AccountNickname,
        Self::AccountActive,
        Self::AccountKakao,
        Self::AccountCreatedAt,
        Self::AccountLastLogin,
        Self::SessionId,
        Self::Access,
        Self::Refresh,
        Self::AccessExpiresIn,
        Self::RefreshExpiresIn,
        Self::Field,
        Self::Reason,
        Self::Value,
        Self::Subject,
        Self::SubjectType,
        Self::IssuedAt,
        Self::ExpiresAt,
        Self::AccountAdmin,
        Self::AccountUpdatedAt,
        Self::AccountCreatedAtMicros,
        Self::AccountUpdatedAtMicros,
        Self::AccountLastLoginMicros,
        Self::RetryAfter,
        Self::Sessions,
        Self::RequestPath,
        Self::RequestMethod,
        Self::RequestType,
        Self::RequestId,
        Self::Now,
        Self::NowText,
    ];

    /// The values every answer may show.
    pub const OF_EVERY_ANSWER: &'static [Self] = &[
        Self::RequestPath,
        Self::RequestMethod,
        Self::RequestType,
        Self::RequestId,
        Self::Now,
        Self::NowText,
    ];

    /// The values that show an account.
    pub const OF_AN_ACCOUNT: &'static [Self] = &[
        Self::AccountId,
        Self::AccountIdText,
        Self::AccountEmail,
        Self::AccountPhone,
        Self::AccountNickname,
        Self::AccountActive,
        Self::AccountKakao,
        Self::AccountCreatedAt,
        Self::AccountUpdatedAt,
        Self::AccountLastLogin,
        Self::AccountCreatedAtMicros,
        Self::AccountUpdatedAtMicros,
        Self::AccountLastLoginMicros,
        Self::AccountAdmin,
    ];

    /// Its name in contracts; that of a declared field is known to its contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountId => "account.id",
            Self::AccountIdText => "account.id_text",
            Self::AccountEmail => "account.email",
            Self::AccountPhone => "account.phone",
            Self::AccountNickname => "account.nickname",
            Self::AccountActive => "account.active",
            Self::AccountKakao => "account.linked.kakao",
            Self::AccountCreatedAt => "account.created_at",
            Self::AccountLastLogin => "account.last_login",
            Self::SessionId => "session.id",
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::AccessExpiresIn => "access.expires_in",
            Self::RefreshExpiresIn => "refresh.expires_in",
            Self::Field => "field",
            Self::Reason => "reason",
            Self::Value => "value",
            Self::Subject => "subject",
            Self::SubjectType => "subject.type",
            Self::IssuedAt => "access.issued_at",
            Self::ExpiresAt => "access.expires_at",
            Self::AccountAdmin => "account.admin",
            Self::AccountUpdatedAt => "account.updated_at",
            Self::AccountCreatedAtMicros => "account.created_at.micros",
            Self::AccountUpdatedAtMicros => "account.updated_at.micros",
            Self::AccountLastLoginMicros => "account.last_login.micros",
            Self::AccountProfile(nth) => numbered(&PROFILE_SLOTS, nth),
            Self::RetryAfter => "retry_after",
            Self::Sessions => "sessions",
            Self::RequestPath => "request.path",
            Self::RequestMethod => "request.method",
            Self::RequestType => "request.type",
            Self::RequestId => "request.id",
            Self::Now => "now",
            Self::NowText => "now.text",
        }
    }

    /// Whether showing it needs the account's record, beyond what a token says.
    #[must_use]
    pub const fn needs_account(self) -> bool {
        matches!(
            self,
            Self::AccountEmail
                | Self::AccountPhone
                | Self::AccountNickname
                | Self::AccountActive
                | Self::AccountKakao
                | Self::AccountCreatedAt
                | Self::AccountLastLogin
                | Self::AccountAdmin
                | Self::AccountUpdatedAt
                | Self::AccountCreatedAtMicros
                | Self::AccountUpdatedAtMicros
                | Self::AccountLastLoginMicros
                | Self::AccountProfile(_)
        )
    }

    /// The slot of that name, as [`name`](Self::name) has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(nth) = name.strip_prefix("account.profile.#") {
            return nth.parse().ok().map(Self::AccountProfile);
        }
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }
}

/// How an operation failed, in the vocabulary of contracts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which outcome.
    pub outcome: Outcome,
    /// The input at fault, where one is.
    pub input: Option<Input>,
    /// What is wrong with it, in stable words.
    pub reason: Option<&'static str>,
    /// How long to wait before another try.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A fault of one input.
    #[must_use]
    pub fn at(outcome: Outcome, input: Input, reason: Option<&'static str>) -> Self {
        Self {
            input: Some(input),
            reason,
            ..outcome.into()
        }
    }
}

impl From<Outcome> for Failure {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            input: None,
            reason: None,
            retry_after: None,
        }
    }
}
