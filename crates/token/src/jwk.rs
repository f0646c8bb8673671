//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037): reading what others publish, writing what we do.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use serde_json::{Value, json};

use crate::key::{Check, hmac_key};
use crate::{Algorithm, KeyError, VerifyingKey, base64url, ed25519, rsa};

/// The public half of an asymmetric key, encoded as its JWK has it.
pub(crate) enum PublicJwk {
    Rsa {
        n: String,
        e: String,
    },
    Ec {
        crv: &'static str,
        x: String,
        y: String,
    },
    Ed25519 {
        x: String,
    },
}

pub(crate) fn read(jwk: &Value, wanted: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    for_signatures(jwk)?;
    let named = named_algorithm(jwk)?;
    if let (Some(named), Some(wanted)) = (named, wanted)
        && named != wanted
    {
        return Err(KeyError::WrongAlgorithm(wanted));
    }
    let algorithm = named.or(wanted);
    match text(jwk, "kty")? {
        "RSA" => read_rsa(jwk, algorithm),
        "EC" => read_ec(jwk, algorithm),
        "OKP" => read_okp(jwk, algorithm),
        "oct" => read_oct(jwk, algorithm),
        _ => Err(Refusal::Type.into()),
    }
}

pub(crate) fn write(public: &PublicJwk, kid: Option<&str>, algorithm: Algorithm) -> Value {
    let mut jwk = match public {
        PublicJwk::Rsa { n, e } => json!({ "kty": "RSA", "n": n, "e": e }),
        PublicJwk::Ec { crv, x, y } => json!({ "kty": "EC", "crv": crv, "x": x, "y": y }),
        PublicJwk::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
    };
    if let Value::Object(members) = &mut jwk {
        if let Some(kid) = kid {
            members.insert("kid".into(), kid.into());
        }
        members.insert("use".into(), "sig".into());
        members.insert("alg".into(), algorithm.name().into());
    }
    jwk
}

/// `use` and `key_ops`, where present, must allow checking signatures (RFC 7517 §4.2, §4.3).
fn for_signatures(jwk: &Value) -> Result<(), Refusal> {
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return Err(Refusal::Purpose);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations))
            if operations.iter().any(|operation| operation == "verify") =>
        {
            Ok(())
        }
        Some(_) => Err(Refusal::Purpose),
    }
}

fn named_algorithm(jwk: &Value) -> Result<Option<Algorithm>, Refusal> {
    let Some(alg) = jwk.get("alg") else {
        return Ok(None);
    };
    alg.as_str()
        .and_then(Algorithm::parse)
        .map(Some)
        .ok_or(Refusal::Algorithm)
}

fn read_rsa(jwk: &Value, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let algorithm = algorithm.ok_or(Refusal::NoAlgorithm)?;
    let parameters = rsa_parameters(algorithm).ok_or(KeyError::WrongAlgorithm(algorithm))?;
    let (n_text, e_text) = (text(jwk, "n")?, text(jwk, "e")?);
    let (n, e) = (bytes(n_text, "n")?, bytes(e_text, "e")?);
    rsa::sound_modulus(&n)?;
    rsa::sound_exponent(&e)?;
    let components = RsaPublicKeyComponents { n: &n, e: &e };
    let check = components
        .to_parsed_public_key(parameters)
        .map_err(|_| KeyError::Refused)?;
    let public = PublicJwk::Rsa {
        n: n_text.into(),
        e: e_text.into(),
    };
    Ok(VerifyingKey::new(
        kid(jwk)?,
        algorithm,
        Check::Public(check),
        Some(public),
    ))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn read_ec(jwk: &Value, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let (own, crv, parameters, size) = curve(text(jwk, "crv")?)?;
    same_or_unsaid(own, algorithm)?;
    let (x, y) = (text(jwk, "x")?, text(jwk, "y")?);
    let mut point = vec![4];
    point.extend(sized(x, "x", size)?);
    point.extend(sized(y, "y", size)?);
    let check = ParsedPublicKey::new(parameters, point).map_err(|_| Refusal::Point)?;
    let public = PublicJwk::Ec {
        crv,
        x: x.into(),
        y: y.into(),
    };
    Ok(VerifyingKey::new(
        kid(jwk)?,
        own,
        Check::Public(check),
        Some(public),
    ))
}

type Curve = (
    Algorithm,
    &'static str,
    &'static EcdsaVerificationAlgorithm,
    usize,
);

fn curve(name: &str) -> Result<Curve, Refusal> {
    match name {
        "P-256" => Ok((Algorithm::Es256, "P-256", &ECDSA_P256_SHA256_FIXED, 32)),
        "P-384" => Ok((Algorithm::Es384, "P-384", &ECDSA_P384_SHA384_FIXED, 48)),
        "P-521" => Ok((Algorithm::Es512, "P-521", &ECDSA_P521_SHA512_FIXED, 66)),
        _ => Err(Refusal::Type),
    }
}

fn read_okp(jwk: &Value, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    if text(jwk, "crv")? != "Ed25519" {
        return Err(Refusal::Type.into());
    }
    same_or_unsaid(Algorithm::EdDsa, algorithm)?;
    let x = text(jwk, "x")?;
    let point: [u8; 32] = bytes(x, "x")?
        .try_into()
        .map_err(|_| Refusal::Member("x"))?;
    if !ed25519::is_sound_point(&point) {
        return Err(Refusal::Point.into());
    }
    let check = ParsedPublicKey::new(&ED25519, point).map_err(|_| Refusal::Point)?;
    let public = PublicJwk::Ed25519 { x: x.into() };
    Ok(VerifyingKey::new(
        kid(jwk)?,
        Algorithm::EdDsa,
        Check::Public(check),
        Some(public),
    ))
}

fn read_oct(jwk: &Value, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let algorithm = algorithm.ok_or(Refusal::NoAlgorithm)?;
    let secret = zeroize::Zeroizing::new(bytes(text(jwk, "k")?, "k")?);
    let key = hmac_key(algorithm, &secret)?;
    Ok(VerifyingKey::new(
        kid(jwk)?,
        algorithm,
        Check::Hmac(Arc::new(key)),
        None,
    ))
}

fn same_or_unsaid(own: Algorithm, said: Option<Algorithm>) -> Result<(), KeyError> {
    match said {
        Some(other) if other != own => Err(KeyError::WrongAlgorithm(other)),
        _ => Ok(()),
    }
}

fn kid(jwk: &Value) -> Result<Option<Arc<str>>, Refusal> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.as_str().into())),
        Some(_) => Err(Refusal::Member("kid")),
    }
}

fn text<'j>(jwk: &'j Value, name: &'static str) -> Result<&'j str, Refusal> {
    jwk.get(name)
        .and_then(Value::as_str)
        .ok_or(Refusal::Member(name))
}

fn bytes(encoded: &str, name: &'static str) -> Result<Vec<u8>, Refusal> {
    base64url::decode(encoded).map_err(|_| Refusal::Member(name))
}

/// A coordinate at its full length, as RFC 7518 §6.2.1.2 wants it.
fn sized(encoded: &str, name: &'static str, size: usize) -> Result<Vec<u8>, Refusal> {
    let coordinate = bytes(encoded, name)?;
    if coordinate.len() == size {
        Ok(coordinate)
    } else {
        Err(Refusal::Member(name))
    }
}

/// What is wrong with a JWK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A member is missing or is not what it should be.
    #[error("`{0}` is missing or malformed")]
    Member(&'static str),
    /// The type or curve is not one this layer knows.
    #[error("its `kty` or `crv` is not one that is supported")]
    Type,
    /// The algorithm is not one this layer knows.
    #[error("its `alg` is not one that is supported")]
    Algorithm,
    /// RSA and oct keys fit several algorithms and must say which.
    #[error("it does not say its `alg`")]
    NoAlgorithm,
    /// `use` or `key_ops` say it is for something else.
    #[error("`use` or `key_ops` say that it is not for checking signatures")]
    Purpose,
    /// An RSA modulus under 2048 or over 8192 bits.
    #[error("its modulus has fewer than 2048 or more than 8192 bits")]
    ModulusSize,
    /// An RSA exponent that is even, under 3, or over 33 bits.
    #[error("its exponent is not an odd number of at least 3 and at most 33 bits")]
    Exponent,
    /// An RSA modulus made by the generator of CVE-2017-15361, which can be factored.
    #[error("its modulus was made by a generator that is known to be broken")]
    BrokenGenerator,
    /// A point that is not on its curve, or generates next to nothing.
    #[error("its point is not on the curve, or of small order")]
    Point,
}
