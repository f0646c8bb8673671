//! Compiled answers: status, headers, cookies, body.

use std::{sync::Arc, time::Duration};

use daemun_engine::vocabulary::Slot;

use crate::template::{Template, Values};

/// An answer, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status, 100–999: contracts have statuses that no registry knows.
    pub status: u16,
    /// The content type of the body; absent where there is none.
    pub content_type: Option<Box<str>>,
    /// Headers besides content type and cookies. A header whose value comes out empty is left out.
    pub headers: Vec<(Box<str>, Template)>,
    /// Cookies to set and to clear.
    pub cookies: Vec<CookieAnswer>,
    /// The body.
    pub body: Body,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(Template),
    /// Text as it is.
    Text(Template),
}

/// A cookie an answer sets or clears.
#[derive(Clone, Debug, PartialEq)]
pub struct CookieAnswer {
    /// Its name and attributes.
    pub cookie: Arc<Cookie>,
    /// Its value before it is encoded; `None` clears it, with the same attributes.
    pub value: Option<Template>,
}

/// A cookie of a contract: declared once, so that it is set, read and cleared alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: Box<str>,
    /// How its value is written and read.
    pub codec: CookieCodec,
    /// Kept from scripts.
    pub http_only: bool,
    /// When it is `Secure`.
    pub secure: Secure,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Path`.
    pub path: Box<str>,
    /// `Max-Age`.
    pub max_age: MaxAge,
}

/// How a cookie's value stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieCodec {
    /// As it is.
    Plain,
    /// Signed as Django up to 5.2.14 signs; both forms are read.
    DjangoV1,
    /// Signed as Django from 5.2.15 signs; both forms are read.
    DjangoV2,
}

/// When a cookie is `Secure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secure {
    /// Always.
    Always,
    /// In production, not in dev.
    OutsideDev,
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `Strict`.
    Strict,
    /// `Lax`.
    Lax,
    /// `None`.
    None,
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxAge {
    /// As long as the access token of the answer lives.
    Access,
    /// As long as the refresh token of the answer lives.
    Refresh,
    /// Until the browser closes: no `Max-Age`.
    BrowserSession,
    /// So long.
    Fixed(Duration),
}

impl Answer {
    /// Appends the body.
    pub fn render_body(&self, locale: usize, values: &dyn Values, out: &mut Vec<u8>) {
        match &self.body {
            Body::Empty => {}
            Body::Json(template) | Body::Text(template) => template.render(locale, values, out),
        }
    }

    /// The slots it shows anywhere.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let body = match &self.body {
            Body::Empty => None,
            Body::Json(template) | Body::Text(template) => Some(template),
        };
        let cookies = self.cookies.iter().filter_map(|c| c.value.as_ref());
        let headers = self.headers.iter().map(|(_, template)| template);
        body.into_iter()
            .chain(cookies)
            .chain(headers)
            .flat_map(Template::slots)
    }
}

impl SameSite {
    /// As it stands in `Set-Cookie`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
