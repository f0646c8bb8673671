//! Tokens of a contract: minted by a plan made once, verified into what they prove.
//!
//! Whatever a contract's tokens look like, three claims are the engine's own and follow the
//! contract's: `sid` (the session), `ctr` (the contract) and, in refresh tokens alone, `gen` (the
//! generation). They keep the kinds and the contracts apart even where a former back end's claims
//! and key would not.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use daemun_token::{
    Access, Claims, Refresh, Rejected, Signer, SigningKey, TypRule, Verifier, VerifyingKey,
};
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::{
    ids::{AccountId, SessionId},
    policy::{ClaimSource, Policy, TokenSpec},
    session::{Session, Subject},
    time::Timestamp,
};

/// How many verified tokens with dear signatures are remembered.
const REMEMBERED: usize = 8_192;
/// Longer tokens are not remembered, so that memory stays bounded.
const LONGEST_REMEMBERED: usize = 2_048;

/// What mints and verifies one contract's tokens, under the keys of the moment.
pub(crate) struct TokenMachine {
    contract: Box<str>,
    access: Mint,
    refresh: Mint,
    access_verifier: Verifier<Access>,
    refresh_verifier: Verifier<Refresh>,
    access_subject: Option<Box<str>>,
    refresh_subject: Option<Box<str>>,
    accept_foreign: bool,
    seen: Option<Cache<Box<str>, AccessProof>>,
}

/// The keys a contract's tokens of one kind are signed and verified with.
pub(crate) struct SpecKeys {
    pub(crate) signing: Arc<SigningKey>,
    pub(crate) verifying: Vec<VerifyingKey>,
}

/// What a verified access token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessProof {
    pub(crate) account: Option<AccountId>,
    /// Absent in tokens of a former back end.
    pub(crate) session: Option<SessionId>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: i64,
}

/// What a verified refresh token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshProof {
    pub(crate) subject: Subject,
    pub(crate) session: SessionId,
    pub(crate) generation: u64,
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
    pub(crate) fn new(policy: &Policy, issuer: &str, access: SpecKeys, refresh: SpecKeys) -> Self {
        let profile = &policy.tokens;
        let remember = !profile.access.algorithm.is_symmetric();
        Self {
            contract: policy.contract.clone(),
            access_verifier: verifier(&profile.access, issuer, access.verifying),
            refresh_verifier: verifier(&profile.refresh, issuer, refresh.verifying),
            access_subject: subject_claim(&profile.access),
            refresh_subject: subject_claim(&profile.refresh),
            accept_foreign: profile.access.accept_foreign,
            access: Mint::new(policy, &profile.access, issuer, &access.signing, false),
            refresh: Mint::new(policy, &profile.refresh, issuer, &refresh.signing, true),
            seen: remember.then(|| Cache::new(REMEMBERED)),
        }
    }

    /// The refresh token of a session's current generation: a pure function of the session, so
    /// whoever is entitled to it gets the same bytes.
    pub(crate) fn mint_refresh(&self, session: &Session) -> String {
        self.refresh
            .mint(session, session.rotated_at, session.refresh_expires_at())
    }

    /// A fresh access token of a session, and when it expires.
    pub(crate) fn mint_access(&self, session: &Session, now: Timestamp) -> (String, Timestamp) {
        let expires_at = (now + self.access.lifetime).min(session.expires_at);
        (self.access.mint(session, now, expires_at), expires_at)
    }

    pub(crate) fn verify_access(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<AccessProof, TokenFault> {
        if let Some(proof) = self.seen.as_ref().and_then(|seen| seen.get(token)) {
            return if now.unix_seconds() < proof.expires_at {
                Ok(proof)
            } else {
                Err(TokenFault::Expired)
            };
        }
        let verified = self.access_verifier.verify(token, now.unix_seconds())?;
        let proof = self.access_proof(verified.claims())?;
        if let Some(seen) = &self.seen
            && token.len() <= LONGEST_REMEMBERED
        {
            seen.insert(token.into(), proof);
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
        self.own_contract(claims)?;
        let generation = claims.get_u64("gen").ok_or(TokenFault::WrongType)?;
        let subject = match &self.refresh_subject {
            Some(name) => Subject::Account(account_claim(claims, name).ok_or(TokenFault::Invalid)?),
            None => return Err(TokenFault::Invalid),
        };
        Ok(RefreshProof {
            subject,
            session: session_claim(claims).ok_or(TokenFault::Invalid)?,
            generation,
        })
    }

    fn access_proof(&self, claims: &Claims) -> Result<AccessProof, TokenFault> {
        if claims.contains("gen") {
            return Err(TokenFault::WrongType);
        }
        let account = match &self.access_subject {
            Some(name) => Some(account_claim(claims, name).ok_or(TokenFault::Invalid)?),
            None => None,
        };
        let foreign = !claims.contains("sid") && !claims.contains("ctr");
        let session = if foreign && self.accept_foreign && account.is_some() {
            None
        } else {
            self.own_contract(claims)?;
            Some(session_claim(claims).ok_or(TokenFault::Invalid)?)
        };
        Ok(AccessProof {
            account,
            session,
            issued_at: Timestamp::from_unix_seconds(claims.iat().unwrap_or(0)),
            expires_at: claims.exp().ok_or(TokenFault::Invalid)?,
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

fn subject_claim(spec: &TokenSpec) -> Option<Box<str>> {
    let names = spec
        .claims
        .iter()
        .filter(|(_, source)| source.names_subject());
    names.map(|(name, _)| name.clone()).next()
}

fn verifier<K: daemun_token::Kind>(
    spec: &TokenSpec,
    issuer: &str,
    keys: Vec<VerifyingKey>,
) -> Verifier<K> {
    let typ = match spec.typ.as_deref() {
        Some("at+jwt") => TypRule::AtJwt,
        Some("JWT") | None => TypRule::JwtOrAbsent,
        Some(other) => TypRule::Exactly(other.to_owned()),
    };
    let mut builder = Verifier::builder().keys(keys).typ(typ);
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
        if is_refresh {
            plan.member("gen");
            plan.pieces.push(Piece::Generation);
        }
        plan.member("ctr");
        plan.text(&Value::from(&*policy.contract).to_string());
        plan.text("}");
        Self {
            signer: Signer::new(key, spec.typ.as_deref(), spec.kid),
            pieces: plan.pieces,
            lifetime: spec.lifetime,
            is_refresh,
        }
    }

    fn mint(&self, session: &Session, issued_at: Timestamp, expires_at: Timestamp) -> String {
        let mut claims = String::with_capacity(256);
        for piece in &self.pieces {
            // Writing into a String cannot fail.
            let _ = match piece {
                Piece::Text(text) => claims.write_str(text),
                Piece::Generation => write!(claims, "{}", session.generation),
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
            ClaimSource::Literal(_) | ClaimSource::Issuer => Ok(()),
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
