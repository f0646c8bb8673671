//! Methods and path patterns. A path answers with and without its trailing slash.

use std::fmt;

/// The methods a route can have. `HEAD` is answered as `GET` by whoever runs the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// `GET`: reads.
    Get,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it stands on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// As it stands in a contract file and in OpenAPI.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A path with parameters: `/v1/sessions/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: Box<str>,
    segments: Vec<Segment>,
}

/// What no contract has routes at or below: it is the server's own, whichever contracts are mounted.
const RESERVED: [&str; 12] = [
    "/v1/admin",
    "/v1/revocations",
    "/v1/introspect",
    "/v1/revoke",
    "/forward-auth",
    "/.well-known",
    "/docs",
    "/dev",
    "/outbox",
    "/metrics",
    "/healthz",
    "/readyz",
];

/// A part of a path between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Just this text.
    Literal(Box<str>),
    /// Any text but the empty one, under this name.
    Param(Box<str>),
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err("does not begin with `/`".into());
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut segments = Vec::new();
        for part in rest.split('/').filter(|_| !rest.is_empty()) {
            let segment = Segment::parse(part)?;
            if matches!(segment, Segment::Param(_)) && segments.contains(&segment) {
                return Err(format!("names the parameter `{part}` twice"));
            }
            segments.push(segment);
        }
        if let Some(own) = RESERVED.into_iter().find(|own| reaches(&segments, own)) {
            return Err(format!(
                "would get what is asked of `{own}`, which is the server's own"
            ));
        }
        Ok(Self {
            text: text.into(),
            segments,
        })
    }

    /// The pattern as the file has it, trailing slash included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its segments, without the trailing slash.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Param(name) => Some(&**name),
            Segment::Literal(_) => None,
        })
    }

    /// The parameters' raw values where `path` fits the pattern, with or without a trailing slash.
    /// They are still percent-encoded.
    #[must_use]
    pub fn matches<'p>(&self, path: &'p str) -> Option<Vec<(&str, &'p str)>> {
        let rest = path.strip_prefix('/')?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut parts = rest.split('/').filter(|_| !rest.is_empty());
        let mut params = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Literal(literal) if **literal == *part => {}
                Segment::Param(name) if !part.is_empty() => params.push((&**name, part)),
                _ => return None,
            }
        }
        parts.next().is_none().then_some(params)
    }

    /// Whether both fit the same paths, whatever their parameters are called.
    #[must_use]
    pub fn same_paths_as(&self, other: &Self) -> bool {
        let same = |(a, b): (&Segment, &Segment)| match (a, b) {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            (Segment::Param(_), Segment::Param(_)) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }
}

/// Whether some path that fits `segments` is `own` or below it.
fn reaches(segments: &[Segment], own: &str) -> bool {
    let own: Vec<&str> = own.split('/').skip(1).collect();
    let fits = |(segment, part): (&Segment, &&str)| match segment {
        Segment::Literal(literal) => **literal == **part,
        Segment::Param(_) => true,
    };
    segments.len() >= own.len() && segments.iter().zip(&own).all(fits)
}

impl Segment {
    fn parse(part: &str) -> Result<Self, String> {
        let plain = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&b))
        };
        if let Some(name) = part
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let sound =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return sound.then(|| Self::Param(name.into())).ok_or_else(|| {
                format!("has a parameter `{part}` that is not letters, digits and `_` in braces")
            });
        }
        if matches!(part, "." | "..") || !plain(part) {
            return Err(format!("has a part `{part}` that no path may have"));
        }
        Ok(Self::Literal(part.into()))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_reaches_what_is_the_servers_own() {
        for path in [
            "/v1/admin",
            "/v1/admin/",
            "/v1/admin/accounts",
            "/v1/{what}",
            "/v1/revocations/ack",
            "/v1/revoke",
            "/v1/introspect",
            "/{a}/admin/{b}",
            "/{page}",
            "/.well-known/jwks.json",
            "/forward-auth/ours",
            "/docs",
            "/metrics",
            "/healthz/",
        ] {
            let fault = PathPattern::parse(path).unwrap_err();
            assert!(fault.contains("the server's own"), "{path}: {fault}");
        }
        for path in [
            "/",
            "/v1",
            "/v1/administrators",
            "/v1/revoked",
            "/v1/sessions/{id}",
            "/admin",
            "/users/{id}",
            "/document",
        ] {
            assert!(PathPattern::parse(path).is_ok(), "{path}");
        }
    }
}
