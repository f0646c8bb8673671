//! What a verifier asks of a genuine token: its type, its claims, its time.

use serde_json::Value;

use crate::Rejected;
use crate::claims::{Claims, NotATime};

/// Which `typ` a token's header may have.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum TypRule {
    /// Any, or none.
    #[default]
    Any,
    /// `at+jwt` or `application/at+jwt`, in any case, and nothing else (RFC 9068 §4).
    AtJwt,
    /// Exactly this text.
    Exactly(String),
    /// `JWT` in any case, with or without `application/`, or no `typ` at all.
    JwtOrAbsent,
}

impl TypRule {
    pub(crate) fn allows(&self, typ: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::AtJwt => typ.is_some_and(|typ| is_media_type(typ, "at+jwt")),
            Self::Exactly(wanted) => typ == Some(wanted),
            Self::JwtOrAbsent => typ.is_none_or(|typ| is_media_type(typ, "jwt")),
        }
    }
}

/// RFC 7515 §4.1.9: `application/` may be left out; media types ignore case.
fn is_media_type(typ: &str, name: &str) -> bool {
    const PREFIX: &str = "application/";
    let short = match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    };
    short.eq_ignore_ascii_case(name)
}

#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) typ: TypRule,
    pub(crate) equal: Vec<(String, Value)>,
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) required: Vec<String>,
    pub(crate) leeway: i64,
    /// How far ahead the clock of who issued may be, beside the leeway.
    pub(crate) ahead: i64,
}

impl Rules {
    /// Judges the claims of a genuine token. Expiry comes last: a token is called expired only if nothing else is
    /// wrong with it.
    pub(crate) fn judge(&self, claims: &Claims, now: i64) -> Result<Verdict, Rejected> {
        self.kind(claims)?;
        self.issuer(claims)?;
        self.audience(claims)?;
        self.presence(claims)?;
        self.time(claims, now)
    }

    fn kind(&self, claims: &Claims) -> Result<(), Rejected> {
        for (name, wanted) in &self.equal {
            let equal = match wanted {
                Value::String(wanted) => claims.is_string(name, wanted),
                other => claims.get_value(name).as_ref() == Some(other),
            };
            if !equal {
                return Err(if claims.contains(name) {
                    Rejected::WrongType
                } else {
                    missing(name)
                });
            }
        }
        Ok(())
    }

    fn issuer(&self, claims: &Claims) -> Result<(), Rejected> {
        match &self.issuer {
            Some(_) if !claims.contains("iss") => Err(missing("iss")),
            Some(wanted) if claims.get_str("iss") != Some(wanted) => Err(Rejected::WrongIssuer),
            _ => Ok(()),
        }
    }

    /// A token that names its audience is for nobody else, so one for an audience is refused where none was
    /// configured (RFC 7519 §4.1.3).
    fn audience(&self, claims: &Claims) -> Result<(), Rejected> {
        if !claims.contains("aud") {
            return if self.audiences.is_empty() {
                Ok(())
            } else {
                Err(missing("aud"))
            };
        }
        let is_us = |audience: &str| self.audiences.iter().any(|wanted| wanted == audience);
        let included = match claims.get_str("aud") {
            Some(one) => is_us(one),
            None => match claims.get_value("aud") {
                Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(is_us),
                _ => return Err(invalid("aud")),
            },
        };
        if included {
            Ok(())
        } else {
            Err(Rejected::WrongAudience)
        }
    }

    fn presence(&self, claims: &Claims) -> Result<(), Rejected> {
        match self.required.iter().find(|name| !claims.contains(name)) {
            Some(absent) => Err(missing(absent)),
            None => Ok(()),
        }
    }

    /// RFC 7519 §4.1.4 to §4.1.6. Over from the very second of `exp`; good from the very second of `nbf` and `iat`.
    fn time(&self, claims: &Claims, now: i64) -> Result<Verdict, Rejected> {
        let end = match claims.time("exp") {
            Ok(Some(end)) => end,
            Ok(None) => return Err(missing("exp")),
            Err(NotATime) => return Err(invalid("exp")),
        };
        let early = self.leeway.max(self.ahead);
        for name in ["nbf", "iat"] {
            match claims.time(name) {
                Ok(Some(start)) if now < start.saturating_sub(early) => {
                    return Err(Rejected::NotYetValid);
                }
                Ok(_) => {}
                Err(NotATime) => return Err(invalid(name)),
            }
        }
        if now < end.saturating_add(self.leeway) {
            Ok(Verdict::Valid)
        } else {
            Ok(Verdict::Expired)
        }
    }
}

/// What becomes of a token that has all it needs.
pub(crate) enum Verdict {
    Valid,
    Expired,
}

#[cold]
fn missing(name: &str) -> Rejected {
    Rejected::MissingClaim(name.to_owned())
}

#[cold]
fn invalid(name: &str) -> Rejected {
    Rejected::InvalidClaim(name.to_owned())
}
