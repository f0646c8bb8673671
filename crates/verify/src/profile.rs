//! What a contract's access tokens look like, and what one that passed proves.
//!
//! The engine's own claims follow whatever a contract asks for: `sid` (the session), `ctr` (the contract), `gen` in
//! tokens that can be refreshed, `acc` (the account) where no claim of the contract's is its number. They keep kinds
//! and contracts apart even where a former back end's claims and key would not.

use std::{sync::Arc, time::Duration};

use daemun_token::{Access, Claims, TypRule, Verifier, VerifyingKey};
use serde_json::Value;

use crate::{Principal, Refusal, principal::Subject};

/// The claim that says the account's number where no claim of the contract's does.
const ACCOUNT: &str = "acc";
/// The claim by which some contracts tell access from refresh tokens.
const KIND: &str = "token_type";

/// What the access tokens of one contract look like.
///
/// One for each of daemun's contracts is here; for a contract of your own, start with [`Profile::of`].
#[derive(Clone, Debug)]
pub struct Profile {
    contract: Box<str>,
    typ: TypRule,
    issuer: Option<Box<str>>,
    audiences: Vec<Box<str>>,
    literals: Vec<(Box<str>, Value)>,
    subject: SubjectClaim,
    sliding: bool,
    former: Option<Duration>,
}

/// Which claims say whom a token speaks of.
#[derive(Clone, Debug)]
enum SubjectClaim {
    Account(Box<str>),
    Named {
        name: Box<str>,
        kind: Option<Box<str>>,
    },
    /// A text claim in front, the account's number in `acc`.
    Aside(Box<str>),
}

impl Profile {
    /// The contract of that name: `typ` is `JWT` or absent, and `sub` is the account's number.
    #[must_use]
    pub fn of(contract: &str) -> Self {
        Self {
            contract: contract.into(),
            typ: TypRule::JwtOrAbsent,
            issuer: None,
            audiences: Vec::new(),
            literals: Vec::new(),
            subject: SubjectClaim::Account("sub".into()),
            sliding: false,
            former: None,
        }
    }

    /// daemun's own API: `at+jwt` (RFC 9068), from `issuer`. Without an [`audience`](Self::audience) tokens must be
    /// for the issuer itself, as they are unless its contract was changed.
    #[must_use]
    pub fn native(issuer: &str) -> Self {
        Self::of("native").typ(TypRule::AtJwt).issuer(issuer)
    }

    /// `phone-pair`: `token_type` is `access`, `user_id` the account.
    #[must_use]
    pub fn phone_pair() -> Self {
        Self::of("phone-pair")
            .literal(KIND, "access")
            .account_in("user_id")
    }

    /// `email-cookie`: claims as in [`phone_pair`](Self::phone_pair).
    #[must_use]
    pub fn email_cookie() -> Self {
        Self::phone_pair().contract("email-cookie")
    }

    /// `campus-account`: claims as in [`phone_pair`](Self::phone_pair).
    #[must_use]
    pub fn campus_account() -> Self {
        Self::phone_pair().contract("campus-account")
    }

    /// `token-server`: callers' own subjects in `userId` and `userType`, in tokens that are refreshed themselves.
    /// A replaced one is good here until it expires: only daemun knows which is the latest.
    #[must_use]
    pub fn token_server() -> Self {
        Self::of("token-server")
            .named_in("userId", Some("userType"))
            .sliding()
    }

    /// `result-code`: `sub` is an address, the account stands aside.
    #[must_use]
    pub fn result_code() -> Self {
        Self::of("result-code").account_aside("sub")
    }

    /// Another contract with the same claims.
    #[must_use]
    pub fn contract(mut self, name: &str) -> Self {
        self.contract = name.into();
        self
    }

    /// Which `typ` the header must have.
    #[must_use]
    pub fn typ(mut self, rule: TypRule) -> Self {
        self.typ = rule;
        self
    }

    /// The issuer tokens must name.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// An audience tokens may be for; given several times, one of them is enough.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// A claim that must have this value. `token_type` tells access from refresh tokens; where it is not asked for,
    /// a token with a generation is a refresh token.
    #[must_use]
    pub fn literal(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.literals.push((claim.into(), value.into()));
        self
    }

    /// The claim that is the account's number, as a number or as text.
    #[must_use]
    pub fn account_in(mut self, claim: &str) -> Self {
        self.subject = SubjectClaim::Account(claim.into());
        self
    }

    /// The claims that are a caller's own subject and its kind.
    #[must_use]
    pub fn named_in(mut self, claim: &str, kind: Option<&str>) -> Self {
        self.subject = SubjectClaim::Named {
            name: claim.into(),
            kind: kind.map(Into::into),
        };
        self
    }

    /// A claim of text that must be there; the account's number is the engine's own `acc`.
    #[must_use]
    pub fn account_aside(mut self, text_claim: &str) -> Self {
        self.subject = SubjectClaim::Aside(text_claim.into());
        self
    }

    /// Tokens that are refreshed themselves: they have a generation and are access tokens all the same.
    #[must_use]
    pub fn sliding(mut self) -> Self {
        self.sliding = true;
        self
    }

    /// Takes the tokens of a former back end too, which have none of the engine's claims. Unless `token_type` tells,
    /// those that live longer than `longest` are refresh tokens. Only an account's revocation reaches them, and none
    /// does where the account stands aside.
    #[must_use]
    pub fn former_back_end(mut self, longest: Duration) -> Self {
        self.former = Some(longest);
        self
    }

    pub(crate) fn issuer_name(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(crate) fn verifier(&self, keys: Vec<VerifyingKey>, leeway: u32) -> Verifier<Access> {
        let mut builder = Verifier::builder()
            .keys(keys)
            .typ(self.typ.clone())
            .leeway_seconds(leeway);
        if let Some(issuer) = &self.issuer {
            builder = builder.issuer(issuer);
            if self.audiences.is_empty() {
                builder = builder.audience(issuer);
            }
        }
        for audience in &self.audiences {
            builder = builder.audience(audience);
        }
        for (claim, value) in &self.literals {
            builder = builder.claim_equals(claim, value.clone());
        }
        builder.build()
    }

    /// What genuine claims prove, or why they do not prove it here.
    #[inline]
    pub(crate) fn prove(&self, claims: Claims) -> Result<Arc<Principal>, Refusal> {
        let session = session_of(&claims);
        if session.is_none() && is_foreign(&claims) {
            self.of_former_back_end(&claims)?;
            return self.principal(claims, None);
        }
        let has_generation = claims.contains("gen");
        let is_refresh = has_generation && !self.sliding && !self.tells_kinds_apart();
        if is_refresh || self.sliding && !has_generation {
            return Err(Refusal::WrongType);
        }
        if claims.get_bytes("ctr") != Some(self.contract.as_bytes()) {
            return Err(Refusal::InvalidToken);
        }
        if session.is_none() {
            return Err(Refusal::InvalidToken);
        }
        self.principal(claims, session)
    }

    fn tells_kinds_apart(&self) -> bool {
        self.literals.iter().any(|(claim, _)| &**claim == KIND)
    }

    fn of_former_back_end(&self, claims: &Claims) -> Result<(), Refusal> {
        let longest = self.former.ok_or(Refusal::InvalidToken)?;
        let (Some(begun), Some(ends)) = (claims.iat(), claims.exp()) else {
            return Err(Refusal::InvalidToken);
        };
        let lives = u64::try_from(ends.saturating_sub(begun)).map_err(|_| Refusal::InvalidToken)?;
        if !self.tells_kinds_apart() && !self.sliding && lives > longest.as_secs() {
            return Err(Refusal::WrongType);
        }
        Ok(())
    }

    #[inline]
    fn principal(&self, claims: Claims, session: Option<u128>) -> Result<Arc<Principal>, Refusal> {
        let subject = self
            .subject(&claims, session.is_some())
            .ok_or(Refusal::InvalidToken)?;
        Ok(Arc::new(Principal {
            subject,
            session,
            claims,
        }))
    }

    #[inline]
    fn subject(&self, claims: &Claims, is_own: bool) -> Option<Subject> {
        match &self.subject {
            SubjectClaim::Account(claim) => account_of(claims, claim).map(Subject::Account),
            SubjectClaim::Aside(claim) => {
                let text = claims.get_str(claim)?;
                if is_own {
                    account_of(claims, ACCOUNT).map(Subject::Account)
                } else {
                    Some(named(text, ""))
                }
            }
            SubjectClaim::Named { name, kind } => {
                let kind = match kind {
                    Some(kind) => claims.get_str(kind)?,
                    None => "",
                };
                Some(named(claims.get_str(name)?, kind))
            }
        }
    }
}

fn named(name: &str, kind: &str) -> Subject {
    Subject::Named {
        name: name.into(),
        kind: kind.into(),
    }
}

/// Whether a token has none of the claims that daemun's have.
fn is_foreign(claims: &Claims) -> bool {
    !["sid", "ctr", "gen"]
        .iter()
        .any(|claim| claims.contains(claim))
}

#[inline]
fn session_of(claims: &Claims) -> Option<u128> {
    claims
        .get_bytes("sid")
        .and_then(crate::revocations::session_id)
}

/// The account a claim names: a JSON number, or a string of digits (as `sub` has to be a string).
#[inline]
fn account_of(claims: &Claims, claim: &str) -> Option<i64> {
    let digits = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let number = claims
        .get_i64(claim)
        .or_else(|| claims.get_str(claim).and_then(digits))?;
    (number > 0).then_some(number)
}
