//! Which key a token means, and whether that key signed it.

use crate::base64url::{self, SignatureBuffer};
use crate::header::Header;
use crate::json::TABLE_ROOM;
use crate::sign::header_json;
use crate::unverified::Parts;
use crate::{Algorithm, MAX_TOKEN_BYTES, Rejected, TypRule, VerifyingKey};

/// The most headers that are recognised without being read.
const MOST_KNOWN: usize = 64;

/// The keys, and the headers under which their tokens usually come. Nearly every token has one of a handful of
/// headers, byte for byte; those are read once, here, and later only compared.
pub(crate) struct KeyRing {
    keys: Vec<VerifyingKey>,
    known: Vec<Known>,
}

struct Known {
    /// The encoded header and the dot behind it.
    opening: String,
    /// How long the encoded signature is that ends such a token.
    signature: usize,
    recognised: Recognised,
}

impl Known {
    /// Splits a token that begins with this header where it must be split, without searching. A dot that is elsewhere
    /// lands in a part, where base64url refuses it.
    #[inline]
    fn split<'t>(&self, token: &'t str) -> Option<Parts<'t>> {
        let rest = token.strip_prefix(self.opening.as_str())?;
        let dot = rest.len().checked_sub(self.signature + 1)?;
        let (claims, end) = rest.split_at_checked(dot)?;
        Some(Parts {
            header: token.get(..self.opening.len() - 1)?,
            claims,
            signature: end.strip_prefix('.')?,
            signed: token.get(..self.opening.len() + dot)?,
        })
        .filter(|_| token.len() <= MAX_TOKEN_BYTES)
    }
}

impl KeyRing {
    pub(crate) fn new(keys: Vec<VerifyingKey>, typ: &TypRule) -> Self {
        let mut ring = Self {
            keys,
            known: Vec::new(),
        };
        ring.known = ring.usual_headers(typ);
        ring
    }

    /// The keys, as they were given.
    pub(crate) fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }

    /// What a genuine token carries, decoded and not yet looked at, and whether its `typ` is right.
    pub(crate) fn open(&self, token: &str, typ: &TypRule) -> Result<(Vec<u8>, bool), Rejected> {
        let mut known = self.known.iter();
        match known.find_map(|known| Some((known.split(token)?, &known.recognised))) {
            Some((parts, recognised)) => recognised.open(parts),
            None => {
                let parts = Parts::split(token)?;
                let recognised = self.read(&Header::decode(parts.header)?, typ)?;
                recognised.open(parts)
            }
        }
    }

    /// Reads every usual header as if it had come with a token, and keeps those that pass.
    fn usual_headers(&self, typ: &TypRule) -> Vec<Known> {
        let mut known: Vec<Known> = Vec::new();
        let usual = |key| {
            usual_headers_of(key, typ)
                .into_iter()
                .map(move |json| (key, json))
        };
        for (key, json) in self.keys.iter().flat_map(usual) {
            let opening = base64url::encode(json.as_bytes()) + ".";
            let Ok(header) = Header::from_bytes(json.into_bytes()) else {
                continue;
            };
            let Ok(recognised) = self.read(&header, typ) else {
                continue;
            };
            let is_new = known.iter().all(|known| known.opening != opening);
            if recognised.right_type && is_new && known.len() < MOST_KNOWN {
                known.push(Known {
                    opening,
                    signature: key.encoded_signature_len(),
                    recognised,
                });
            }
        }
        known
    }

    /// The keys a header may mean. A `kid` means the key of that name. Without one there must be no choice; only
    /// HMAC secrets, which older servers rotate without naming them, are tried in turn.
    fn read(&self, header: &Header, typ: &TypRule) -> Result<Recognised, Rejected> {
        let algorithm = Algorithm::parse(header.alg()).ok_or(Rejected::UnknownKey)?;
        let meant = |key: &VerifyingKey| {
            key.algorithm() == algorithm && header.kid().is_none_or(|kid| key.kid() == Some(kid))
        };
        let keys: Vec<VerifyingKey> = self.keys.iter().filter(|key| meant(key)).cloned().collect();
        if keys.is_empty() || keys.len() > 1 && !algorithm.is_symmetric() {
            return Err(Rejected::UnknownKey);
        }
        Ok(Recognised {
            keys,
            right_type: typ.allows(header.typ()),
        })
    }
}

/// What a header comes to.
struct Recognised {
    /// Hardly ever more than one.
    keys: Vec<VerifyingKey>,
    right_type: bool,
}

impl Recognised {
    fn open(&self, parts: Parts<'_>) -> Result<(Vec<u8>, bool), Rejected> {
        let mut buffer = SignatureBuffer::new();
        let signature = buffer.decode(parts.signature)?;
        if !self
            .keys
            .iter()
            .any(|key| key.accepts(parts.signed.as_bytes(), signature))
        {
            return Err(Rejected::BadSignature);
        }
        Ok((
            base64url::decode_with_room(parts.claims, TABLE_ROOM)?,
            self.right_type,
        ))
    }
}

/// Headers as this crate, PyJWT, jjwt and node's jsonwebtoken write them.
fn usual_headers_of(key: &VerifyingKey, rule: &TypRule) -> Vec<String> {
    let algorithm = key.algorithm();
    let exact = match rule {
        TypRule::Exactly(typ) => Some(typ.as_str()),
        _ => None,
    };
    let mut headers = Vec::new();
    let usual = [Some("JWT"), Some("at+jwt"), None];
    for typ in exact.map(Some).into_iter().chain(usual) {
        for kid in [key.kid(), None] {
            headers.push(header_json(algorithm, typ, kid));
        }
    }
    headers.push(format!(r#"{{"typ":"JWT","alg":"{algorithm}"}}"#));
    headers
}
