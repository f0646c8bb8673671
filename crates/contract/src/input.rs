//! Where an operation's inputs stand in a request.

use daemun_engine::vocabulary::Input;

use crate::answer::CookieCodec;

/// Where one input of an operation comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPlan {
    /// Which input.
    pub input: Input,
    /// Where to look, in this order; the first that is present wins, even where it is blank.
    pub sources: Vec<Source>,
    /// Whether the request may lack it. Where not, lacking it is `missing_field`.
    pub optional: bool,
    /// What `{{field}}` shows where it is missing. Where a source had it, [`Source::wire_name`].
    pub wire_name: Box<str>,
}

/// A place in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A field of the body, by the keys that lead to it. Form bodies have the last key only.
    Body(Vec<Box<str>>),
    /// A header.
    Header {
        /// Its name, in the file's spelling; names ignore case.
        name: Box<str>,
        /// The words that may precede the value, such as `Bearer`, compared without case; the
        /// whole value where empty. An unknown first word is as if the header were absent; a known
        /// one that is not followed by exactly one word is `bad_header`.
        schemes: Vec<Box<str>>,
    },
    /// A parameter of the query.
    Query(Box<str>),
    /// A cookie.
    Cookie {
        /// Its name; case matters.
        name: Box<str>,
        /// How its value is read.
        codec: CookieCodec,
    },
    /// A parameter of the path.
    Path(Box<str>),
}

impl Source {
    /// The name the request's author knows the input by.
    #[must_use]
    pub fn wire_name(&self) -> &str {
        match self {
            Self::Body(keys) => keys.last().map_or("body", |key| &**key),
            Self::Header { name, .. }
            | Self::Query(name)
            | Self::Cookie { name, .. }
            | Self::Path(name) => name,
        }
    }
}

impl Source {
    pub(crate) fn is_cookie(&self) -> bool {
        matches!(self, Self::Cookie { .. })
    }
}
