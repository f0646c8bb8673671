//! An issuer without a network, for the tests of whoever uses this crate.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use daemun_token::{Algorithm, KeyError, Signer, SigningKey, VerifyingKey};
use serde_json::{Map, Value, json};

use crate::{Clock, Entry, Profile, ResourceServer};

/// When a test issuer's clock starts, in Unix seconds.
const BEGUN: i64 = 1_800_000_000;
/// How long its tokens live, in seconds.
const LIFETIME: i64 = 300;
/// Known to everybody: good for tests and nothing else.
const SEED: [u8; 32] = *b"a seed that everybody may know..";

/// Mints tokens of one contract, and makes resource servers that believe them. Its clock stands still until you
/// [`advance`](Self::advance) it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use daemun_verify::{Refusal, test_kit::TestIssuer};
///
/// let issuer = TestIssuer::native();
/// let server = issuer.resource_server();
/// let token = issuer.token(7).mint();
/// assert_eq!(server.check(&token).await.unwrap().account(), Some(7));
/// issuer.advance(300);
/// assert_eq!(server.check(&token).await.unwrap_err(), Refusal::Expired);
/// # });
/// ```
#[derive(Debug)]
pub struct TestIssuer {
    key: SigningKey,
    profile: Profile,
    typ: Option<&'static str>,
    fixed: Map<String, Value>,
    subject: &'static str,
    now: Arc<AtomicI64>,
    sessions: AtomicU64,
}

/// A token that can be changed before it is minted.
#[derive(Debug)]
#[must_use]
pub struct TestToken<'i> {
    issuer: &'i TestIssuer,
    typ: Option<String>,
    claims: Map<String, Value>,
}

impl TestIssuer {
    /// The name of the native issuer.
    pub const NAME: &'static str = "https://issuer.test";

    /// Tokens of daemun's own API.
    ///
    /// # Panics
    /// Never: the key is a constant.
    #[must_use]
    pub fn native() -> Self {
        let key = SigningKey::ed25519_from_seed(None, &SEED);
        #[expect(clippy::expect_used, reason = "the seed is a constant that works")]
        let key = key.expect("a seed");
        let fixed = json!({ "iss": Self::NAME, "aud": Self::NAME, "ctr": "native" });
        Self::new(
            key,
            Profile::native(Self::NAME),
            Some("at+jwt"),
            fixed,
            "sub",
        )
    }

    /// Tokens of `phone-pair`, under a secret of at least 32 bytes.
    ///
    /// # Errors
    /// [`KeyError`] if the secret is too short.
    pub fn phone_pair(secret: &[u8]) -> Result<Self, KeyError> {
        let key = SigningKey::hmac(Algorithm::Hs256, None, secret)?;
        let fixed = json!({ "token_type": "access", "ctr": "phone-pair" });
        Ok(Self::new(
            key,
            Profile::phone_pair(),
            Some("JWT"),
            fixed,
            "user_id",
        ))
    }

    /// Tokens of a contract of your own: what every token says, and which claim is the account's number.
    #[must_use]
    pub fn of(
        profile: Profile,
        key: SigningKey,
        fixed: Map<String, Value>,
        account: &'static str,
    ) -> Self {
        Self::new(key, profile, Some("JWT"), Value::Object(fixed), account)
    }

    fn new(
        key: SigningKey,
        profile: Profile,
        typ: Option<&'static str>,
        fixed: Value,
        subject: &'static str,
    ) -> Self {
        let fixed = match fixed {
            Value::Object(fixed) => fixed,
            _ => Map::new(),
        };
        Self {
            key,
            profile,
            typ,
            fixed,
            subject,
            now: Arc::new(AtomicI64::new(BEGUN)),
            sessions: AtomicU64::new(0),
        }
    }

    /// A resource server that believes this issuer. It asks nobody and needs no runtime.
    ///
    /// # Panics
    /// Never: nothing that could be wrong is asked of it.
    #[must_use]
    pub fn resource_server(&self) -> ResourceServer {
        let keys = [self.verifying_key()];
        let builder = ResourceServer::with_keys(keys, self.profile.clone()).clock(self.clock());
        #[expect(
            clippy::expect_used,
            reason = "the key is there, and nothing else is asked for"
        )]
        let inner = builder.assemble().expect("a key");
        ResourceServer(Arc::new(inner))
    }

    /// The key its tokens are checked with.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::new(move || now.load(Ordering::Relaxed))
    }

    /// What its clock says, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A token of a new session of an account.
    pub fn token(&self, account: i64) -> TestToken<'_> {
        let number = if self.subject == "sub" {
            json!(account.to_string())
        } else {
            json!(account)
        };
        let mut claims = self.fixed.clone();
        claims.insert(self.subject.to_owned(), number);
        claims.insert("sid".to_owned(), format!("{:032x}", self.session()).into());
        claims.insert("iat".to_owned(), self.now().into());
        claims.insert("exp".to_owned(), (self.now() + LIFETIME).into());
        let typ = self.typ.map(str::to_owned);
        TestToken {
            issuer: self,
            typ,
            claims,
        }
    }

    /// A UUIDv7 of this moment (RFC 9562 §5.7), with a count where chance would be.
    fn session(&self) -> u128 {
        let count = u128::from(self.sessions.fetch_add(1, Ordering::Relaxed));
        let millis = u128::try_from(self.now()).unwrap_or(0) * 1_000;
        (millis << 80) | (7 << 76) | (2 << 62) | count
    }

    /// What ends the session of a token, for [`RevocationSet::apply`](crate::RevocationSet::apply).
    #[must_use]
    pub fn end_session(&self, session: &str) -> Option<Entry> {
        let id = crate::revocations::session_id(session)?;
        let until = self.now() + LIFETIME;
        Some(Entry::Session { id, until })
    }

    /// What ends every session of an account that began by now.
    #[must_use]
    pub fn end_account(&self, account: i64) -> Entry {
        Entry::Account {
            id: account,
            before: self.now() * 1_000,
            until: self.now() + LIFETIME,
        }
    }
}

impl TestToken<'_> {
    /// With another value of a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// With scopes, divided by blanks.
    pub fn scope(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    /// With a role.
    pub fn role(self, role: &str) -> Self {
        self.claim("roles", json!([role]))
    }

    /// As the refresh token that it would come with.
    pub fn refresh(self) -> Self {
        let told_apart = self.claims.contains_key("token_type");
        let token = self.claim("gen", 1);
        if told_apart {
            token.claim("token_type", "refresh")
        } else {
            token
        }
    }

    /// With another type in its header.
    pub fn typ(mut self, typ: Option<&str>) -> Self {
        self.typ = typ.map(str::to_owned);
        self
    }

    /// Its session.
    #[must_use]
    pub fn session(&self) -> String {
        let session = self.claims.get("sid").and_then(Value::as_str);
        session.unwrap_or_default().to_owned()
    }

    /// The token.
    #[must_use]
    pub fn mint(&self) -> String {
        self.mint_with(&self.issuer.key)
    }

    /// The token, signed by another key.
    #[must_use]
    pub fn mint_with(&self, key: &SigningKey) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        Signer::new(key, self.typ.as_deref(), true).sign(claims.as_bytes())
    }
}
