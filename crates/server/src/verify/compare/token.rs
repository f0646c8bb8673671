//! Tokens as anybody can read them: algorithm, and the contract's claims in its order. Signatures
//! are not checked; only who has the key could.

use daemun_contract::Json;
use daemun_engine::policy::{ClaimSource, KeyName, TokenSpec};

use super::{Difference, holes};

/// What is not as the contract's tokens are. Values of claims are never shown.
pub(super) fn differences(at: &str, token: &str, spec: &TokenSpec) -> Vec<Difference> {
    // Nobody but its server reads it: it may be anything.
    if spec.key == KeyName::Internal {
        return Vec::new();
    }
    let Some((header, claims)) = read(token) else {
        return vec![Difference::new(at, "no JWT", "a JWT")];
    };
    let mut differences = Vec::new();
    let mut differs = |what: String, is: String, says: String| {
        differences.push(Difference::new(&format!("{at} {what}"), is, says));
    };
    let alg = member(&header, "alg");
    if !alg.is_some_and(|alg| holes::is(alg, spec.algorithm.name())) {
        let is = alg.map_or_else(|| "absent".to_owned(), super::shown);
        differs("alg".into(), is, format!("\"{}\"", spec.algorithm.name()));
    }
    let mut places = Vec::new();
    for (name, source) in &spec.claims {
        match claims.iter().position(|(claim, _)| **claim == **name) {
            None => differs(format!("claim {name}"), "absent".into(), String::new()),
            Some(place) => {
                places.push(place);
                let value = claims.get(place).map(|(_, value)| value);
                if let Some(wanted) = value.and_then(|value| misfit(source, value)) {
                    let kind = value.map_or("absent", holes::kind);
                    differs(format!("claim {name}"), kind.into(), wanted);
                }
            }
        }
    }
    if !places.is_sorted() {
        let names = |places: &[usize]| {
            let names = places.iter().filter_map(|place| claims.get(*place));
            names
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut sent = places.clone();
        sent.sort_unstable();
        differs(
            "claims".into(),
            format!("in the order {}", names(&sent)),
            names(&places),
        );
    }
    differences
}

fn misfit(source: &ClaimSource, value: &Json) -> Option<String> {
    let is_number = matches!(value, Json::Number(_));
    let is_text = matches!(value, Json::String(_));
    match source {
        ClaimSource::Literal(literal) => {
            let same = serde_json::to_string(literal)
                .ok()
                .and_then(|text| serde_json::from_str::<Json>(&text).ok())
                .is_some_and(|literal| literal == *value);
            (!same).then(|| literal.to_string())
        }
        ClaimSource::ExpiresAt | ClaimSource::IssuedAt | ClaimSource::AccountId => {
            (!is_number).then(|| "a number".into())
        }
        _ => (!is_text).then(|| "text".into()),
    }
}

type Members = Vec<(String, Json)>;

/// Header and claims, where it is three parts with JSON objects in the first two.
fn read(token: &str) -> Option<(Members, Members)> {
    let mut parts = token.split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    let signature = parts.next()?;
    if signature.is_empty() || parts.next().is_some() {
        return None;
    }
    Some((object(header)?, object(claims)?))
}

fn object(part: &str) -> Option<Members> {
    let bytes = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(part.trim_end_matches('='))
        .ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Json::Object(members) => Some(members),
        _ => None,
    }
}

fn member<'m>(members: &'m Members, name: &str) -> Option<&'m Json> {
    let mut members = members.iter();
    members
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}
