//! Tokens of a contract: minted by a plan made once, verified into what they prove.
//!
//! Whatever a contract's tokens look like, some claims are the engine's own and follow the
//! contract's: `sid` (the session), `ctr` (the contract), in tokens that can be refreshed `gen`
//! (the generation), and `acc` (the account) where no claim of the contract's is its number. They
//! keep the kinds and the contracts apart even where a former back end's claims and key would not.
//! A token that has none of them was minted by that back end, and is taken where the contract says
//! so.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use daemun_token::{
    Access, Claims, Refresh, Rejected, Signer, SigningKey, TypRule, Verifier, VerifyingKey,
};
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::{
    foreign::{ForeignId, token_identity},
    ids::{AccountId, SessionId},
    policy::{ClaimSource, Foreign, Policy, TokenSpec},
    session::{CallerSubject, Session, Subject},
    time::Timestamp,
};

/// How many verified tokens with dear signatures are remembered.
const REMEMBERED: usize = 8_192;
/// Longer tokens are not remembered, so that memory stays bounded.
const LONGEST_REMEMBERED: usize = 2_048;

/// The claim that says the account's number where no claim of the contract's does.
const ACCOUNT: &str = "acc";

/// What mints and verifies one contract's tokens, under the keys of the moment.
pub(crate) struct TokenMachine {
    contract: Box<str>,
    access: Mint,
    refresh: Mint,
    access_verifier: Verifier<Access>,
    refresh_verifier: Verifier<Refresh>,
    access_subject: SubjectClaim,
    refresh_subject: SubjectClaim,
    foreign: ForeignRules,
    sliding: bool,
    needs_email: bool,
    seen: Option<Cache<Box<str>, AccessProof>>,
}

/// The keys a contract's tokens of one kind are signed and verified with.
pub(crate) struct SpecKeys {
    pub(crate) signing: Arc<SigningKey>,
    pub(crate) verifying: Vec<VerifyingKey>,
}

/// What a verified access token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessProof {
    pub(crate) subject: Proven,
    /// Absent in tokens of a former back end.
    pub(crate) session: Option<SessionId>,
    /// Of a token that is refreshed itself.
    pub(crate) generation: Option<u64>,
    /// Of a former back end's token that is refreshed itself.
    pub(crate) foreign: Option<ForeignId>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: i64,
}

/// Whom a token speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proven {
    Subject(Subject),
    /// A former back end's token that knows its account by address alone.
    Email(Box<str>),
}

impl Proven {
    /// The account, where the token itself says which.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match self {
            Self::Subject(subject) => subject.account(),
            Self::Email(_) => None,
        }
    }
}

/// What a verified refresh token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshProof {
    /// It is ours.
    Own(OwnProof),
    /// A former back end minted it.
    Foreign(ForeignProof),
}

/// What a refresh token of ours proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnProof {
    pub(crate) subject: Subject,
    pub(crate) session: SessionId,
    pub(crate) generation: u64,
}

/// What a former back end's refresh token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignProof {
    pub(crate) subject: Proven,
    pub(crate) id: ForeignId,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    Invalid,
    WrongType,
    Expired,
}

impl From<Rejected> for TokenFault {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Expired(_) => Self::Expired,
            Rejected::WrongType => Self::WrongType,
            Rejected::Malformed
            | Rejected::UnknownKey
            | Rejected::BadSignature
            | Rejected::NotYetValid
            | Rejected::MissingClaim(_)
            | Rejected::WrongIssuer
            | Rejected::WrongAudience
            | Rejected::InvalidClaim(_) => Self::Invalid,
        }
    }
}

impl TokenMachine {
    pub(crate) fn new(
        policy: &Policy,
        issuer: &str,
        access: SpecKeys,
        refresh: SpecKeys,
        clocks_apart: Duration,
    ) -> Self {
        let profile = &policy.tokens;
        let remember = !profile.access.algorithm.is_symmetric();
        let specs = [&profile.access, &profile.refresh];
        Self {
            contract: policy.contract.clone(),
            access_verifier: verifier(&profile.access, issuer, access.verifying, clocks_apart),
            refresh_verifier: verifier(&profile.refresh, issuer, refresh.verifying, clocks_apart),
            access_subject: SubjectClaim::of(&profile.access),
            refresh_subject: SubjectClaim::of(&profile.refresh),
            foreign: ForeignRules::of(policy),
            sliding: profile.sliding,
            needs_email: specs.iter().any(|spec| {
                let mut claims = spec.claims.iter();
                claims.any(|(_, source)| *source == ClaimSource::AccountEmail)
            }),
            access: Mint::new(policy, &profile.access, issuer, &access.signing, false),
            refresh: Mint::new(policy, &profile.refresh, issuer, &refresh.signing, true),
            seen: remember.then(|| Cache::new(REMEMBERED)),
        }
    }

    /// Whether one token is both.
    pub(crate) const fn is_sliding(&self) -> bool {
        self.sliding
    }

    /// Whether tokens say their account's e-mail address, so that minting needs its record.
    pub(crate) const fn needs_email(&self) -> bool {
        self.needs_email
    }

    /// The refresh token of a session's current generation: a pure function of the session (and of
    /// its account's address where tokens say it), so whoever is entitled to it gets the same bytes.
    pub(crate) fn mint_refresh(&self, session: &Session, email: &str) -> String {
        let expires_at = session.refresh_expires_at();
        self.refresh
            .mint(session, email, session.rotated_at, expires_at)
    }

    /// A fresh access token of a session, and when it expires.
    pub(crate) fn mint_access(
        &self,
        session: &Session,
        email: &str,
        now: Timestamp,
    ) -> (String, Timestamp) {
        let expires_at = (now + self.access.lifetime).min(session.expires_at);
        (
            self.access.mint(session, email, now, expires_at),
            expires_at,
        )
    }

    pub(crate) fn verify_access(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<AccessProof, TokenFault> {
        let seen = self
            .seen
            .as_ref()
            .filter(|_| token.len() <= LONGEST_REMEMBERED);
        if let Some(proof) = seen.and_then(|seen| seen.get(token)) {
            return if now.unix_seconds() < proof.expires_at {
                Ok(proof)
            } else {
                Err(TokenFault::Expired)
            };
        }
        let verified = self.access_verifier.verify(token, now.unix_seconds())?;
        let proof = self.access_proof(verified.claims(), token)?;
        if let Some(seen) = seen {
            seen.insert(token.into(), proof.clone());
        }
        Ok(proof)
    }

    pub(crate) fn verify_refresh(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<RefreshProof, TokenFault> {
        let verified = self.refresh_verifier.verify(token, now.unix_seconds())?;
        let claims = verified.claims();
        if is_foreign(claims) {
            return self
                .foreign_refresh(claims, token)
                .map(RefreshProof::Foreign);
        }
        self.own_contract(claims)?;
        let generation = claims.get_u64("gen").ok_or(TokenFault::WrongType)?;
        Ok(RefreshProof::Own(OwnProof {
            subject: self.refresh_subject.own(claims)?,
            session: session_claim(claims).ok_or(TokenFault::Invalid)?,
            generation,
        }))
    }

    fn foreign_refresh(&self, claims: &Claims, token: &str) -> Result<ForeignProof, TokenFault> {
        if self.foreign.refresh == Foreign::Refused {
            return Err(TokenFault::Invalid);
        }
        let (issued_at, expires_at) = lifespan(claims).ok_or(TokenFault::Invalid)?;
        if self.foreign.is_access(issued_at, expires_at) == Some(true) {
            return Err(TokenFault::WrongType);
        }
        Ok(ForeignProof {
            subject: self.refresh_subject.foreign(claims)?,
            id: token_identity(claims.get_str("jti"), token),
            issued_at: Timestamp::from_unix_seconds(issued_at),
            expires_at: Timestamp::from_unix_seconds(expires_at),
        })
    }

    fn access_proof(&self, claims: &Claims, token: &str) -> Result<AccessProof, TokenFault> {
        if is_foreign(claims) {
            return self.foreign_access(claims, token);
        }
        // Where a claim tells the kinds apart, it has been checked; a former back end that mints
        // access tokens from our refresh tokens copies `gen` into them.
        let told_apart = self.foreign.longest_access.is_none();
        let generation = claims.get_u64("gen").filter(|_| self.sliding);
        if self.sliding && generation.is_none() {
            return Err(TokenFault::WrongType);
        }
        if !self.sliding && !told_apart && claims.contains("gen") {
            return Err(TokenFault::WrongType);
        }
        self.own_contract(claims)?;
        Ok(AccessProof {
            subject: Proven::Subject(self.access_subject.own(claims)?),
            session: Some(session_claim(claims).ok_or(TokenFault::Invalid)?),
            generation,
            foreign: None,
            issued_at: Timestamp::from_unix_seconds(claims.iat().unwrap_or(0)),
            expires_at: claims.exp().ok_or(TokenFault::Invalid)?,
        })
    }

    fn foreign_access(&self, claims: &Claims, token: &str) -> Result<AccessProof, TokenFault> {
        if self.foreign.access == Foreign::Refused {
            return Err(TokenFault::Invalid);
        }
        let (issued_at, expires_at) = lifespan(claims).ok_or(TokenFault::Invalid)?;
        if self.foreign.is_access(issued_at, expires_at) == Some(false) {
            return Err(TokenFault::WrongType);
        }
        Ok(AccessProof {
            subject: self.access_subject.foreign(claims)?,
            session: None,
            generation: None,
            foreign: self
                .sliding
                .then(|| token_identity(claims.get_str("jti"), token)),
            issued_at: Timestamp::from_unix_seconds(issued_at),
            expires_at,
        })
    }

    fn own_contract(&self, claims: &Claims) -> Result<(), TokenFault> {
        match claims.get_str("ctr") {
            Some(contract) if contract == &*self.contract => Ok(()),
            _ => Err(TokenFault::Invalid),
        }
    }
}

fn session_claim(claims: &Claims) -> Option<SessionId> {
    claims
        .get_str("sid")
        .filter(|sid| sid.len() == 32)?
        .parse()
        .ok()
}

/// The account a claim names: a JSON number, or a string of digits (as `sub` has to be a string).
fn account_claim(claims: &Claims, name: &str) -> Option<AccountId> {
    let number = claims
        .get_i64(name)
        .or_else(|| claims.get_str(name).and_then(|text| text.parse().ok()))?;
    (number > 0).then_some(AccountId(number))
}

/// Whether a token has none of the claims that ours have.
fn is_foreign(claims: &Claims) -> bool {
    !["sid", "ctr", "gen"]
        .iter()
        .any(|claim| claims.contains(claim))
}

/// When a token was issued and when it expires, seconds since the epoch.
fn lifespan(claims: &Claims) -> Option<(i64, i64)> {
    let (issued_at, expires_at) = (claims.iat()?, claims.exp()?);
    (issued_at <= expires_at).then_some((issued_at, expires_at))
}

/// Which claims say whom a token speaks of.
enum SubjectClaim {
    /// The account's number.
    Id(Box<str>),
    /// Its address; in tokens of ours `acc` says the number.
    Email(Box<str>),
    /// A trusted caller's own words.
    Caller { name: Box<str>, kind: Box<str> },
    /// None; a contract that loads has one.
    None,
}

impl SubjectClaim {
    fn of(spec: &TokenSpec) -> Self {
        let claim = |wanted: fn(&ClaimSource) -> bool| {
            let mut claims = spec.claims.iter();
            claims
                .find(|(_, source)| wanted(source))
                .map(|(name, _)| name.clone())
        };
        let id =
            claim(|source| matches!(source, ClaimSource::AccountId | ClaimSource::AccountIdText));
        let name = claim(|source| *source == ClaimSource::Subject);
        let kind = claim(|source| *source == ClaimSource::SubjectType);
        let email = claim(|source| *source == ClaimSource::AccountEmail);
        match (id, name, email) {
            (Some(id), ..) => Self::Id(id),
            (None, Some(name), _) => Self::Caller {
                name,
                kind: kind.unwrap_or_default(),
            },
            (None, None, Some(email)) => Self::Email(email),
            (None, None, None) => Self::None,
        }
    }

    /// Whom a token of ours speaks of.
    fn own(&self, claims: &Claims) -> Result<Subject, TokenFault> {
        let account = |name| account_claim(claims, name).map(Subject::Account);
        match self {
            Self::Id(name) => account(name),
            Self::Email(_) => account(ACCOUNT),
            Self::Caller { name, kind } => caller_claims(claims, name, kind),
            Self::None => None,
        }
        .ok_or(TokenFault::Invalid)
    }

    /// Whom a former back end's token speaks of.
    fn foreign(&self, claims: &Claims) -> Result<Proven, TokenFault> {
        match self {
            Self::Email(name) => claims
                .get_str(name)
                .map(|email| Proven::Email(email.into()))
                .ok_or(TokenFault::Invalid),
            _ => self.own(claims).map(Proven::Subject),
        }
    }
}

fn caller_claims(claims: &Claims, name: &str, kind: &str) -> Option<Subject> {
    let kind = if kind.is_empty() {
        ""
    } else {
        claims.get_str(kind)?
    };
    Some(Subject::Caller(CallerSubject {
        name: claims.get_str(name)?.into(),
        kind: kind.into(),
    }))
}

/// Which of a former back end's tokens are taken, and how its two kinds are told apart.
struct ForeignRules {
    access: Foreign,
    refresh: Foreign,
    /// Where no claim tells the kinds apart: access tokens live no longer than this, in seconds,
    /// and refresh tokens longer.
    longest_access: Option<i64>,
}

impl ForeignRules {
    fn of(policy: &Policy) -> Self {
        let profile = &policy.tokens;
        let by_lifetime = !profile.sliding && !profile.tells_kinds_apart();
        let longest = i64::try_from(profile.access.lifetime.as_secs()).unwrap_or(i64::MAX);
        Self {
            access: profile.access.foreign,
            refresh: profile.refresh.foreign,
            longest_access: by_lifetime.then_some(longest),
        }
    }

    /// Whether a token of that span is an access token; `None` where claims tell.
    fn is_access(&self, issued_at: i64, expires_at: i64) -> Option<bool> {
        let longest = self.longest_access?;
        Some(expires_at.saturating_sub(issued_at) <= longest)
    }
}

fn verifier<K: daemun_token::Kind>(
    spec: &TokenSpec,
    issuer: &str,
    keys: Vec<VerifyingKey>,
    clocks_apart: Duration,
) -> Verifier<K> {
    let typ = match spec.typ.as_deref() {
        Some("at+jwt") => TypRule::AtJwt,
        Some("JWT") | None => TypRule::JwtOrAbsent,
        Some(other) => TypRule::Exactly(other.to_owned()),
    };
    let mut builder = Verifier::builder().keys(keys).typ(typ);
    let ahead = u32::try_from(clocks_apart.as_secs()).unwrap_or(u32::MAX);
    builder = builder.ahead_seconds(ahead);
    for (name, source) in &spec.claims {
        builder = match source {
            // An audience has rules of its own: the token may list several.
            ClaimSource::Literal(Value::String(audience)) if &**name == "aud" => {
                builder.audience(audience)
            }
            ClaimSource::Issuer if &**name == "aud" => builder.audience(issuer),
            ClaimSource::Issuer => builder.issuer(issuer),
            ClaimSource::Literal(value) => builder.claim_equals(name, value.clone()),
            // A token that lacks what the contract's tokens have was not made as one.
            _ => builder.require(name),
        };
    }
    builder.build()
}

/// Writes the claims of one kind of token: bytes that are always the same, and gaps.
struct Mint {
    signer: Signer,
    pieces: Vec<Piece>,
    lifetime: Duration,
    is_refresh: bool,
}

enum Piece {
    Text(String),
    Gap(ClaimSource),
    Generation,
}

impl Mint {
    fn new(
        policy: &Policy,
        spec: &TokenSpec,
        issuer: &str,
        key: &SigningKey,
        is_refresh: bool,
    ) -> Self {
        let mut plan = Plan::default();
        for (name, source) in &spec.claims {
            plan.member(name);
            match source {
                ClaimSource::Literal(value) => plan.text(&value.to_string()),
                ClaimSource::Issuer => plan.text(&Value::from(issuer).to_string()),
                gap => plan.pieces.push(Piece::Gap(gap.clone())),
            }
        }
        plan.member("sid");
        plan.pieces.push(Piece::Gap(ClaimSource::SessionId));
        if is_refresh || policy.tokens.sliding {
            plan.member("gen");
            plan.pieces.push(Piece::Generation);
        }
        plan.member("ctr");
        plan.text(&Value::from(&*policy.contract).to_string());
        if matches!(SubjectClaim::of(spec), SubjectClaim::Email(_)) {
            plan.member(ACCOUNT);
            plan.pieces.push(Piece::Gap(ClaimSource::AccountId));
        }
        plan.text("}");
        Self {
            signer: Signer::new(key, spec.typ.as_deref(), spec.kid),
            pieces: plan.pieces,
            lifetime: spec.lifetime,
            is_refresh,
        }
    }

    fn mint(
        &self,
        session: &Session,
        email: &str,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> String {
        let mut claims = String::with_capacity(256);
        for piece in &self.pieces {
            // Writing into a String cannot fail.
            let _ = match piece {
                Piece::Text(text) => claims.write_str(text),
                Piece::Generation => write!(claims, "{}", session.generation),
                Piece::Gap(ClaimSource::AccountEmail) => write_json(&mut claims, email),
                Piece::Gap(source) => {
                    self.fill(&mut claims, source, session, issued_at, expires_at)
                }
            };
        }
        self.signer.sign(claims.as_bytes())
    }

    fn fill(
        &self,
        claims: &mut String,
        source: &ClaimSource,
        session: &Session,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> std::fmt::Result {
        let account = session.subject.account().map_or(0, |id| id.0);
        match source {
            ClaimSource::ExpiresAt => write!(claims, "{}", expires_at.unix_seconds()),
            ClaimSource::IssuedAt => write!(claims, "{}", issued_at.unix_seconds()),
            ClaimSource::AccountId => write!(claims, "{account}"),
            ClaimSource::AccountIdText => write!(claims, "\"{account}\""),
            ClaimSource::SessionId => write!(claims, "\"{}\"", session.id),
            ClaimSource::TokenId => self.write_token_id(claims, session, issued_at),
            ClaimSource::Subject => {
                write_json(claims, session.subject.caller().map_or("", |c| &c.name))
            }
            ClaimSource::SubjectType => {
                write_json(claims, session.subject.caller().map_or("", |c| &c.kind))
            }
            ClaimSource::Literal(_) | ClaimSource::Issuer | ClaimSource::AccountEmail => Ok(()),
        }
    }

    /// A token's id is derived rather than drawn, so that the same token has the same id. It has
    /// to be unique and need be no secret: half of the session's random bits, and the other half
    /// mixed with what tells the session's tokens apart.
    fn write_token_id(
        &self,
        claims: &mut String,
        session: &Session,
        issued_at: Timestamp,
    ) -> std::fmt::Result {
        let (_, random) = session.id.0.as_u64_pair();
        let kind = u64::from(self.is_refresh);
        let which =
            mixed(session.generation << 1 | kind) ^ mixed(issued_at.unix_micros().cast_unsigned());
        write!(
            claims,
            "\"{:016x}{:016x}\"",
            mixed(random),
            mixed(random ^ which)
        )
    }
}

fn write_json(claims: &mut String, text: &str) -> std::fmt::Result {
    write!(claims, "{}", Value::from(text))
}

/// A bijection of 64 bits that leaves no two neighbours alike (the finaliser of SplitMix64).
const fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[derive(Default)]
struct Plan {
    pieces: Vec<Piece>,
}

impl Plan {
    fn member(&mut self, name: &str) {
        let before = if self.pieces.is_empty() { '{' } else { ',' };
        self.text(&format!("{before}{}:", Value::from(name)));
    }

    /// Adds text, joined to the text before it.
    fn text(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }
}
