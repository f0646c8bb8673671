//! `[tokens]`: what the contract's tokens look like.

use std::time::Duration;

use daemun_engine::{
    policy::{ClaimSource, Foreign, KeyName, TokenProfile, TokenSpec},
    vocabulary::Algorithm,
};
use serde_json::Value;

use crate::read::{entry::Entry, file::Fields, say::instead};

const KEYS: [(&str, KeyName); 3] = [
    ("legacy", KeyName::Legacy),
    ("signing", KeyName::Signing),
    ("internal", KeyName::Internal),
];

const ALGORITHMS: [(&str, Algorithm); 4] = [
    ("HS256", Algorithm::Hs256),
    ("HS384", Algorithm::Hs384),
    ("HS512", Algorithm::Hs512),
    ("EdDSA", Algorithm::EdDsa),
];

/// The values a claim can have besides literals.
pub(crate) const CLAIM_VALUES: [(&str, &str, ClaimSource); 10] = [
    (
        "exp",
        "when it expires, in seconds since 1970",
        ClaimSource::ExpiresAt,
    ),
    (
        "iat",
        "when it was issued, in seconds since 1970",
        ClaimSource::IssuedAt,
    ),
    ("jti", "its own id, 32 hex digits", ClaimSource::TokenId),
    (
        "account.id",
        "the account's id, a number",
        ClaimSource::AccountId,
    ),
    (
        "account.id_text",
        "the account's id as text",
        ClaimSource::AccountIdText,
    ),
    ("issuer", "the URL of this daemun", ClaimSource::Issuer),
    ("session.id", "the session's id", ClaimSource::SessionId),
    (
        "account.email",
        "the account's e-mail address, where `personal_claims` is on",
        ClaimSource::AccountEmail,
    ),
    (
        "subject",
        "whom a trusted caller named",
        ClaimSource::Subject,
    ),
    (
        "subject.type",
        "the kind of subject it named",
        ClaimSource::SubjectType,
    ),
];

/// The claims daemun adds itself.
const OWN: [&str; 4] = ["sid", "gen", "ctr", "acc"];

/// What `[tokens]` says, and where.
pub(crate) struct Tokens {
    pub(crate) profile: TokenProfile,
    pub(crate) access_lifetime_at: usize,
    pub(crate) refresh_lifetime_at: usize,
    /// Where foreign tokens are switched on.
    pub(crate) foreign_at: Option<usize>,
    /// Where personal claims are switched on.
    pub(crate) personal_at: Option<usize>,
    /// Whether bodies say the refresh token that a cookie of the same answer holds, and where that
    /// is said.
    pub(crate) refresh_in_body: Option<(bool, usize)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Access,
    Refresh,
    Sliding,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Sliding => "sliding",
        }
    }

    const fn lifetime(self) -> Duration {
        Duration::from_secs(match self {
            Self::Access => 300,
            Self::Refresh => 14 * 86_400,
            Self::Sliding => 7_200,
        })
    }
}

pub(crate) fn tokens(root: &Fields<'_>) -> Tokens {
    let hint = "[tokens.access] and [tokens.refresh], each with its claims";
    let shared = root
        .need("tokens", hint)
        .and_then(|entry| entry.table("[tokens]"));
    let sliding = shared
        .as_ref()
        .is_some_and(|shared| shared.get("sliding").is_some());
    let (access, refresh) = if sliding {
        let one = Spec::read(shared.as_ref(), Kind::Sliding);
        (one.clone(), one)
    } else {
        (
            Spec::read(shared.as_ref(), Kind::Access),
            Spec::read(shared.as_ref(), Kind::Refresh),
        )
    };
    let foreign_at = access.foreign_at.or(refresh.foreign_at);
    let profile = TokenProfile {
        access: access.spec,
        refresh: refresh.spec,
        sliding,
    };
    let mut personal_at = None;
    let mut refresh_in_body = None;
    if let Some(shared) = shared {
        if let Some(at) = foreign_at {
            tell_kinds_apart(&shared, at, &profile);
        }
        personal_at = personal(&shared, &profile);
        let entry = shared.get("refresh_in_body");
        refresh_in_body = entry.and_then(|entry| Some((entry.boolean()?, entry.at)));
        shared.finish();
    }
    Tokens {
        profile,
        access_lifetime_at: access.lifetime_at,
        refresh_lifetime_at: refresh.lifetime_at,
        foreign_at,
        personal_at,
        refresh_in_body,
    }
}

/// `personal_claims`, and whether anything needs it.
fn personal(shared: &Fields<'_>, profile: &TokenProfile) -> Option<usize> {
    let entry = shared.get("personal_claims");
    let on = entry.as_ref().and_then(Entry::boolean).unwrap_or(false);
    let specs = [&profile.access, &profile.refresh];
    let says_email = specs.iter().any(|spec| {
        let mut claims = spec.claims.iter();
        claims.any(|(_, source)| *source == ClaimSource::AccountEmail)
    });
    match entry {
        Some(entry) if on && !says_email => {
            entry.fault(
                "no claim is personal, so there is nothing to switch on",
                "nothing, or personal_claims = false",
            );
            None
        }
        Some(entry) => on.then_some(entry.at),
        None => None,
    }
}

#[derive(Clone)]
struct Spec {
    spec: TokenSpec,
    lifetime_at: usize,
    foreign_at: Option<usize>,
}

impl Spec {
    fn read(shared: Option<&Fields<'_>>, kind: Kind) -> Self {
        let fields = shared.and_then(|shared| {
            let write = format!("[tokens.{}] with its claims", kind.name());
            shared
                .need(kind.name(), &write)?
                .table(format!("[tokens.{}]", kind.name()))
        });
        let (Some(shared), Some(fields)) = (shared, fields) else {
            return Self::stand_in(kind);
        };
        let get = |key| fields.get(key).or_else(|| shared.get(key));
        let key = get("key")
            .and_then(|entry| entry.word(&KEYS))
            .unwrap_or(match kind {
                Kind::Access => KeyName::Signing,
                Kind::Refresh | Kind::Sliding => KeyName::Internal,
            });
        let algorithm = get("algorithm").map_or(default_algorithm(key), |entry| {
            algorithm(&entry, key).unwrap_or(default_algorithm(key))
        });
        let typ = match get("typ") {
            Some(entry) => typ(&entry),
            None if key == KeyName::Signing && kind == Kind::Access => Some("at+jwt".into()),
            None => Some("JWT".into()),
        };
        let kid = get("kid").and_then(|entry| entry.boolean());
        let lifetime_entry = fields.get("lifetime");
        let lifetime_at = lifetime_entry.as_ref().map_or(fields.at, |entry| entry.at);
        let lifetime = lifetime_entry.and_then(|entry| entry.duration(1));
        let (foreign, foreign_at) = accept_foreign(&fields, kind, key);
        let personal = shared
            .get("personal_claims")
            .is_some_and(|entry| entry.is_true());
        let claims = fields
            .need("claims", CLAIMS_HINT)
            .and_then(|entry| entry.table(format!("[tokens.{}.claims]", kind.name())))
            .map(|table| claims(&table, kind, personal))
            .unwrap_or_default();
        fields.finish();
        Self {
            spec: TokenSpec {
                key,
                algorithm,
                typ,
                kid: kid.unwrap_or(key == KeyName::Signing),
                lifetime: lifetime.unwrap_or(kind.lifetime()),
                claims,
                foreign,
            },
            lifetime_at,
            foreign_at,
        }
    }

    fn stand_in(kind: Kind) -> Self {
        Self {
            spec: TokenSpec {
                key: KeyName::Internal,
                algorithm: Algorithm::Hs256,
                typ: None,
                kid: false,
                lifetime: kind.lifetime(),
                claims: Vec::new(),
                foreign: Foreign::Refused,
            },
            lifetime_at: 0,
            foreign_at: None,
        }
    }
}

const CLAIMS_HINT: &str =
    "claims = { exp = \"{{exp}}\", iat = \"{{iat}}\", sub = \"{{account.id_text}}\" }";

const fn default_algorithm(key: KeyName) -> Algorithm {
    match key {
        KeyName::Signing => Algorithm::EdDsa,
        KeyName::Legacy | KeyName::Internal => Algorithm::Hs256,
    }
}

fn algorithm(entry: &Entry<'_>, key: KeyName) -> Option<Algorithm> {
    let algorithm = entry.word(&ALGORITHMS)?;
    let (fits, name, write) = match key {
        KeyName::Legacy => (
            algorithm.is_symmetric(),
            "legacy",
            "`HS256`, `HS384` or `HS512`",
        ),
        KeyName::Signing => (algorithm == Algorithm::EdDsa, "signing", "`EdDSA`"),
        KeyName::Internal => (algorithm == Algorithm::Hs256, "internal", "`HS256`"),
    };
    if !fits {
        entry.fault(
            format!("the key `{name}` cannot sign with {algorithm}"),
            write,
        );
    }
    fits.then_some(algorithm)
}

/// The `typ` of what is asserted to reverse proxies.
const ASSERTION: &str = "daemun-assertion+jwt";

/// An empty `typ` leaves the member out.
fn typ(entry: &Entry<'_>) -> Option<Box<str>> {
    let text = entry.text()?;
    if !text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"+-./_".contains(&b))
        || text.len() > 64
    {
        entry.fault(
            format!("`typ` cannot be `{text}`"),
            "typ = \"JWT\", \"at+jwt\", or \"\" for none",
        );
        return None;
    }
    if text == ASSERTION {
        entry.fault(
            "this `typ` is that of the assertions for reverse proxies, which are no credentials",
            "typ = \"JWT\", \"at+jwt\", or \"\" for none",
        );
        return None;
    }
    (!text.is_empty()).then(|| text.into())
}

/// Which tokens of a former back end are taken, and where that was said.
fn accept_foreign(fields: &Fields<'_>, kind: Kind, key: KeyName) -> (Foreign, Option<usize>) {
    let none = (Foreign::Refused, None);
    let Some(entry) = fields.get("accept_foreign") else {
        return none;
    };
    let foreign = if entry.is_text() {
        entry.word(&[("listed", Foreign::Listed)])
    } else {
        entry.boolean().map(|on| match on {
            true => Foreign::Accepted,
            false => Foreign::Refused,
        })
    };
    match foreign {
        None | Some(Foreign::Refused) => none,
        Some(_) if key != KeyName::Legacy => {
            entry.fault(
                "foreign tokens are signed with the team's own secret, and this kind is not",
                "key = \"legacy\" as well, or leave `accept_foreign` out",
            );
            none
        }
        Some(Foreign::Listed) if kind == Kind::Access => {
            entry.fault(
                "nobody lists access tokens",
                "accept_foreign = true, or \"listed\" for tokens that can be refreshed",
            );
            none
        }
        Some(foreign) => (foreign, Some(entry.at)),
    }
}

fn claims(table: &Fields<'_>, kind: Kind, personal: bool) -> Vec<(Box<str>, ClaimSource)> {
    let mut claims = Vec::new();
    for entry in table.all() {
        if OWN.contains(&entry.key) {
            entry.fault(
                format!(
                    "the claim `{}` is daemun's own and is added by itself",
                    entry.key
                ),
                "another name, or nothing",
            );
        }
        if let Some(source) = claim(&entry, personal) {
            claims.push((Box::from(entry.key), source));
        }
    }
    needed_claims(table, &claims, kind);
    claims
}

fn claim(entry: &Entry<'_>, personal: bool) -> Option<ClaimSource> {
    let value = entry.json()?;
    let Value::String(text) = &value else {
        return Some(ClaimSource::Literal(value));
    };
    if !text.contains("{{") {
        return Some(ClaimSource::Literal(value));
    }
    let name = text
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .map(str::trim);
    let found = CLAIM_VALUES.iter().find(|(known, ..)| Some(*known) == name);
    match found {
        Some((.., ClaimSource::AccountEmail)) if !personal => {
            entry.fault(
                "`account.email` is personal data, and everybody who holds a token can read it",
                "\"{{account.id}}\"; whoever needs more asks the guarded route that says who the request is from. Where a former back end's tokens have it: personal_claims = true in [tokens]",
            );
            return None;
        }
        Some((.., source)) => return Some(source.clone()),
        None => {}
    }
    let known: Vec<&str> = CLAIM_VALUES.iter().map(|(name, ..)| *name).collect();
    match name {
        Some(personal @ ("account.phone" | "account.nickname")) => entry.fault(
            format!("`{personal}` is personal data, and everybody who holds a token can read it"),
            "\"{{account.id}}\"; whoever needs more asks the guarded route that says who the request is from",
        ),
        Some(name) if !name.contains("{{") => entry.fault(
            format!("a claim cannot be `{name}`"),
            instead(name, &known),
        ),
        _ => entry.fault(
            format!("the claim `{}` mixes a value with other text", entry.key),
            "the value alone, such as \"{{account.id}}\"",
        ),
    }
    None
}

fn needed_claims(table: &Fields<'_>, claims: &[(Box<str>, ClaimSource)], kind: Kind) {
    let must = [
        ("exp", ClaimSource::ExpiresAt),
        ("iat", ClaimSource::IssuedAt),
    ];
    for (name, source) in must {
        let found = claims.iter().find(|(claim, _)| **claim == *name);
        if found.is_none_or(|(_, found)| *found != source) {
            table.file.fault(
                table.at,
                format!("every token must say `{name}`, and {} does not", table.name),
                format!("{name} = \"{{{{{name}}}}}\""),
            );
        }
    }
    if !claims.iter().any(|(_, source)| source.names_subject()) {
        table.file.fault(
            table.at,
            format!("nothing in the {} token says whose it is", kind.name()),
            "sub = \"{{account.id_text}}\", or user_id = \"{{account.id}}\"",
        );
    }
}

/// daemun's own tokens are told apart by its own claims; those of a former back end have none. What
/// else tells them apart is how long they live.
fn tell_kinds_apart(fields: &Fields<'_>, at: usize, profile: &TokenProfile) {
    let by_lifetime = profile.access.lifetime < profile.refresh.lifetime;
    if !profile.sliding && !profile.tells_kinds_apart() && !by_lifetime {
        fields.file.fault(
            at,
            "a former back end's refresh token would pass for an access token: nothing tells the two apart",
            "a claim that differs, such as token_type = \"access\" and token_type = \"refresh\"; a longer `lifetime` of refresh tokens; or leave `accept_foreign` out",
        );
    }
}
