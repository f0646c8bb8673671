//! What a token says of itself. Nothing in it is believed: what is read here is only which token it
//! is and until when it must be remembered, and whoever presents it later is checked then.

use base64_simd::URL_SAFE_NO_PAD as BASE64URL;
use daemun_engine::{foreign::token_identity, time::Timestamp};
use serde_json::Value;

use super::Entry;

/// The longest token that is looked at.
const LONGEST: usize = 16 * 1024;

/// The entry that a token is; none where it is no token, or does not say when it expires.
pub(super) fn entry(token: &str) -> Option<Entry> {
    // Some clients of Redis keep everything as JSON, a token in quotes.
    let token = token.trim().trim_matches('"');
    let claims = claims(token)?;
    let seconds = claims.get("exp")?.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "beyond what fits it saturates, and so does time"
    )]
    let expires_at = Timestamp::from_unix_seconds(seconds as i64);
    let jti = claims.get("jti").and_then(Value::as_str);
    Some(Entry {
        token: token_identity(jti, token),
        expires_at,
    })
}

fn claims(token: &str) -> Option<Value> {
    let mut parts = Some(token)
        .filter(|token| token.len() <= LONGEST)?
        .split('.');
    let (header, claims) = (decoded(parts.next()?)?, decoded(parts.next()?)?);
    let signed = parts.next().is_some_and(|signature| !signature.is_empty());
    let is_token = signed && parts.next().is_none() && header.get("alg").is_some();
    is_token.then_some(claims)
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64URL.decode_to_vec(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| BASE64URL.encode_to_string(text);
        format!("{}.{}.c2ln", part(r#"{"alg":"HS256"}"#), part(claims))
    }

    #[test]
    fn a_token_is_known_by_its_jti_else_by_itself() {
        let named = token(r#"{"jti":"abc","exp":1800000000}"#);
        let entry_of_named = entry(&named).unwrap();
        assert!(entry_of_named.token == token_identity(Some("abc"), ""));
        assert_eq!(entry_of_named.expires_at.unix_seconds(), 1_800_000_000);
        let bare = token(r#"{"exp":1800000000.5}"#);
        let quoted = entry(&format!("\"{bare}\"")).unwrap();
        assert!(quoted.token == token_identity(None, &bare));
    }

    #[test]
    fn what_is_no_token_or_never_expires_is_none() {
        for text in ["", "a.b.c", "session:17", &token("{}"), "e30.e30."] {
            assert!(entry(text).is_none(), "{text}");
        }
    }
}
