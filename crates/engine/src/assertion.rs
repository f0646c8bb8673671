//! Assertions: what daemun tells a back end, through the reverse proxy before it, of a request that
//! passed a guard.
//!
//! An assertion is a signed statement of its own type, under the key published in the JWKS, for one
//! audience: whoever asks a contract's guard from behind a proxy. It lives a minute and is no
//! credential: no guard takes it for an access token. Signing is the dearest thing about letting a
//! request in, so a session's last assertion is used again while half of its life is left. That is
//! safe because the request itself is verified every time *before* anything is asserted of it.

use std::{fmt, fmt::Write as _, sync::Arc};

use daemun_token::{Signer, SigningKey};
use quick_cache::sync::Cache;
use serde_json::Value;

use crate::{
    engine::{Engine, Realm},
    ids::{AccountId, SessionId},
    operations::Principal,
    session::Subject,
};

/// The `typ` of an assertion: a type of its own, so that it passes as nothing else.
const TYP: &str = "daemun-assertion+jwt";
/// How long an assertion is good, in seconds.
const LIFETIME: i64 = 60;
/// How much of that must be left for it to be used again.
const LEAST_LEFT: i64 = 30;
/// How many assertions of a contract are kept.
const KEPT: usize = 8_192;

/// A signed statement of whom a request is from.
pub struct Assertion {
    token: Box<str>,
    subject: Subject,
    expires_at: i64,
}

impl Assertion {
    /// The compact JWT.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// Whether it can be handed out again for `subject`. Whoever shares a contract's secret could
    /// sign one session's id beside two subjects; what is asserted of one is never said of the
    /// other. Nor does a clock that was set back make an assertion last.
    fn serves(&self, subject: &Subject, now: i64) -> bool {
        self.expires_at - now >= LEAST_LEFT
            && self.expires_at - now <= LIFETIME
            && self.subject == *subject
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(redacted)")
    }
}

impl Engine {
    /// Asserts to a back end of `realm`'s guard whom a request is from. `principal` proves that the
    /// request was verified just now; an older one must not be used again.
    #[must_use]
    pub fn assert_principal(&self, realm: &Realm, principal: &Principal) -> Arc<Assertion> {
        realm.asserter().assert(principal)
    }
}

/// Signs a contract's assertions with the key of the moment, and keeps them. Made anew, and so
/// emptied, whenever the keys change.
pub(crate) struct Asserter {
    signer: Signer,
    /// The claims that are always the same.
    beginning: String,
    kept: Cache<Whose, Arc<Assertion>>,
}

/// Whose assertion it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Session(SessionId),
    /// Of a former back end's token, which has no session.
    Account(AccountId),
}

impl Asserter {
    pub(crate) fn new(contract: &str, issuer: &str, key: &SigningKey) -> Self {
        let audience = Value::from(format!("forward-auth:{contract}"));
        let (issuer, contract) = (Value::from(issuer), Value::from(contract));
        Self {
            signer: Signer::new(key, Some(TYP), true),
            beginning: format!(r#"{{"iss":{issuer},"aud":{audience},"ctr":{contract}"#),
            kept: Cache::new(KEPT),
        }
    }

    fn assert(&self, principal: &Principal) -> Arc<Assertion> {
        let now = principal.at.unix_seconds();
        let Some(whose) = Whose::of(principal) else {
            return Arc::new(self.sign(principal, now));
        };
        match self.kept.get(&whose) {
            Some(kept) if kept.serves(&principal.subject, now) => kept,
            _ => {
                let fresh = Arc::new(self.sign(principal, now));
                self.kept.insert(whose, Arc::clone(&fresh));
                fresh
            }
        }
    }

    fn sign(&self, principal: &Principal, now: i64) -> Assertion {
        let expires_at = now + LIFETIME;
        let mut claims = self.beginning.clone();
        // Writing into a String cannot fail.
        let _ = match &principal.subject {
            Subject::Account(id) => write!(claims, r#","sub":"{id}""#),
            Subject::Caller(subject) => {
                let (name, kind) = (Value::from(&*subject.name), Value::from(&*subject.kind));
                write!(claims, r#","sub":{name},"kind":{kind}"#)
            }
        };
        if let Some(session) = principal.session {
            let _ = write!(claims, r#","sid":"{session}""#);
        }
        let _ = write!(claims, r#","iat":{now},"exp":{expires_at}}}"#);
        Assertion {
            token: self.signer.sign(claims.as_bytes()).into(),
            subject: principal.subject.clone(),
            expires_at,
        }
    }
}

impl Whose {
    fn of(principal: &Principal) -> Option<Self> {
        let account = || principal.subject.account().map(Self::Account);
        principal.session.map(Self::Session).or_else(account)
    }
}

#[cfg(test)]
mod tests {
    use daemun_token::{Access, Algorithm, TypRule, Verifier};

    use super::{AccountId, Arc, Asserter, Principal, SessionId, SigningKey, Subject};
    use crate::{session::CallerSubject, time::Timestamp};

    const START: i64 = 1_700_000_000;

    fn key(seed: u8) -> SigningKey {
        SigningKey::ed25519_from_seed(Some("kid"), &[seed; 32]).unwrap()
    }

    fn asserter() -> Asserter {
        Asserter::new("native", "https://login.example", &key(7))
    }

    fn principal(subject: Subject, session: u128, at: i64) -> Principal {
        Principal {
            subject,
            session: Some(SessionId(uuid::Uuid::from_u128(session))),
            issued_at: Timestamp::from_unix_seconds(at),
            expires_at: Timestamp::from_unix_seconds(at + 300),
            at: Timestamp::from_unix_seconds(at),
        }
    }

    fn account(id: i64) -> Subject {
        Subject::Account(AccountId(id))
    }

    fn verifier(typ: TypRule) -> Verifier<Access> {
        assert_eq!(key(7).algorithm(), Algorithm::EdDsa);
        let builder = Verifier::builder().key(key(7).verifying_key()).typ(typ);
        builder
            .issuer("https://login.example")
            .audience("forward-auth:native")
            .build()
    }

    #[test]
    fn s21_an_assertion_says_who_and_nothing_about_the_person() {
        let made = asserter().assert(&principal(account(7), 5, START));
        let verifier = verifier(TypRule::Exactly("daemun-assertion+jwt".into()));
        let verified = verifier.verify(made.as_str(), START + 59).unwrap();
        let expected = r#"{"iss":"https://login.example","aud":"forward-auth:native","ctr":"native","sub":"7","sid":"00000000000000000000000000000005","iat":1700000000,"exp":1700000060}"#;
        assert_eq!(verified.claims().json(), expected);
        assert!(verifier.verify(made.as_str(), START + 60).is_err());
    }

    #[test]
    fn s19_an_assertion_is_no_access_token() {
        let made = asserter().assert(&principal(account(7), 5, START));
        for typ in [TypRule::AtJwt, TypRule::JwtOrAbsent] {
            assert!(verifier(typ).verify(made.as_str(), START).is_err());
        }
    }

    #[test]
    fn a_callers_subject_is_quoted_whatever_it_says() {
        let subject = Subject::Caller(CallerSubject {
            name: "a\"b\r\n,\"sub\":\"1".into(),
            kind: "학생".into(),
        });
        let made = asserter().assert(&principal(subject, 5, START));
        let verifier = verifier(TypRule::Exactly("daemun-assertion+jwt".into()));
        let verified = verifier.verify(made.as_str(), START).unwrap();
        let claims = verified.claims();
        assert_eq!(claims.get_str("sub"), Some("a\"b\r\n,\"sub\":\"1"));
        assert_eq!(claims.get_str("kind"), Some("학생"));
    }

    #[test]
    fn an_assertion_is_used_again_while_half_of_its_life_is_left() {
        let asserter = asserter();
        let at = |at| asserter.assert(&principal(account(7), 5, at));
        let first = at(START);
        assert!(Arc::ptr_eq(&first, &at(START + 30)));
        let second = at(START + 31);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&second, &at(START + 61)));
        // A clock that was set back does not make an assertion live longer.
        assert!(!Arc::ptr_eq(&second, &at(START)));
    }

    #[test]
    fn what_is_asserted_of_one_is_never_said_of_another() {
        let asserter = asserter();
        let of = |subject, session| asserter.assert(&principal(subject, session, START));
        let first = of(account(7), 5);
        assert!(!Arc::ptr_eq(&first, &of(account(7), 6)));
        assert!(!Arc::ptr_eq(&first, &of(account(8), 5)));
    }
}
