//! Cookies: which are set and cleared, to what, and with which attributes.

use daemun_contract::{Cookie, CookieCodec, Expectation, MaxAge, Pattern, PatternPart, Secure};

use super::{Comparison, SetCookie, quoted};
use crate::verify::wire::Reply;

/// By so much a `Max-Age` may be less than the token's life: the answer took a moment.
const SLACK: u64 = 5;

/// A `Set-Cookie` line, taken apart.
struct Line<'r> {
    name: &'r str,
    value: &'r str,
    attributes: Vec<(String, &'r str)>,
}

impl<'r> Line<'r> {
    fn read(line: &'r str) -> Option<Self> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim())
        });
        Some(Self {
            name: name.trim(),
            value: value.trim().trim_matches('"'),
            attributes: attributes.collect(),
        })
    }

    fn attribute(&self, name: &str) -> Option<&'r str> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    fn max_age(&self) -> Option<i64> {
        self.attribute("max-age")?.parse().ok()
    }

    /// Whether a browser forgets the cookie because of it.
    fn clears(&self) -> bool {
        match self.max_age() {
            Some(age) => age <= 0,
            None => self
                .attribute("expires")
                .is_some_and(|date| date.contains("1970")),
        }
    }
}

impl Comparison<'_> {
    pub(super) fn cookies(&mut self, expected: &Expectation<'_>, reply: &Reply) {
        let lines = reply.headers.get_all("set-cookie").iter();
        let lines: Vec<Line<'_>> = lines
            .filter_map(|line| Line::read(line.to_str().ok()?))
            .collect();
        for (cookie, value) in &expected.cookies {
            let at = format!("cookie {}", cookie.name);
            let line = lines.iter().rfind(|line| line.name == &*cookie.name);
            match (line, value) {
                (None, Some(_)) => self.differs(&at, "not set", ""),
                (None, None) => self.differs(&at, "not cleared", ""),
                (Some(line), None) if !line.clears() => self.differs(&at, "set", "it is cleared"),
                (Some(line), Some(_)) if line.clears() => {
                    self.differs(&at, "cleared", "it is set");
                }
                (Some(line), Some(value)) => self.set(&at, line, cookie, value),
                (Some(line), None) => self.reaches(&at, line, cookie),
            }
        }
        let declared = self.known.contract.cookies.iter();
        for cookie in declared {
            let expected = expected
                .cookies
                .iter()
                .any(|(known, _)| known.name == cookie.name);
            if let (false, Some(line)) = (expected, lines.iter().find(|l| l.name == &*cookie.name))
            {
                let is = if line.clears() { "cleared" } else { "set" };
                self.differs(&format!("cookie {}", cookie.name), is, "it is left alone");
            }
        }
    }

    fn set(&mut self, at: &str, line: &Line<'_>, cookie: &Cookie, value: &Pattern) {
        match decoded(line.value, cookie.codec) {
            Some(plain) => self.text(&format!("{at} value"), plain, value),
            None => self.differs(
                &format!("{at} value"),
                "not signed",
                "signed as Django does: value:time:signature",
            ),
        }
        self.reaches(at, line, cookie);
        self.flag(
            at,
            "HttpOnly",
            line.attribute("httponly").is_some(),
            cookie.http_only,
        );
        self.same_site(at, line, cookie);
        self.max_age(at, line, cookie);
        let holds = value.0.iter().find_map(|part| match part {
            PatternPart::Hole(slot) => Some(*slot),
            PatternPart::Text(_) => None,
        });
        self.seen.cookies.push(SetCookie {
            name: line.name.to_owned(),
            raw: line.value.to_owned(),
            holds,
        });
    }

    /// What decides which requests it goes with, and which cookie a clearing one clears.
    fn reaches(&mut self, at: &str, line: &Line<'_>, cookie: &Cookie) {
        let path = line.attribute("path").unwrap_or_default();
        if path != &*cookie.path {
            self.differs(&format!("{at} Path"), quoted(path), quoted(&cookie.path));
        }
        if let Some(domain) = line.attribute("domain") {
            self.differs(&format!("{at} Domain"), quoted(domain), "there is none");
        }
        let secure = line.attribute("secure").is_some();
        match cookie.secure {
            Secure::Always => self.flag(at, "Secure", secure, true),
            // Over http it is one's own machine, or a server that should not be there.
            Secure::OutsideDev if self.known.secure => self.flag(at, "Secure", secure, true),
            Secure::OutsideDev => {}
        }
    }

    fn flag(&mut self, at: &str, name: &str, is: bool, says: bool) {
        let word = |set: bool| if set { "set" } else { "not set" };
        if is != says {
            self.differs(&format!("{at} {name}"), word(is), word(says));
        }
    }

    fn same_site(&mut self, at: &str, line: &Line<'_>, cookie: &Cookie) {
        let says = cookie.same_site.name();
        match line.attribute("samesite") {
            Some(is) if is.eq_ignore_ascii_case(says) => {}
            Some(is) => self.differs(&format!("{at} SameSite"), quoted(is), quoted(says)),
            None => self.differs(&format!("{at} SameSite"), "not set", quoted(says)),
        }
    }

    fn max_age(&mut self, at: &str, line: &Line<'_>, cookie: &Cookie) {
        let policy = &self.known.contract.policy;
        let tokens = &policy.tokens;
        let (says, slack) = match cookie.max_age {
            MaxAge::Access => (Some(tokens.access.lifetime), SLACK),
            MaxAge::Refresh => (Some(tokens.refresh.lifetime), SLACK),
            MaxAge::Fixed(span) => (Some(span), 0),
            MaxAge::BrowserSession => (None, 0),
        };
        let at = format!("{at} Max-Age");
        let is = line.max_age();
        let shown = is.map_or_else(|| "not set".to_owned(), |age| age.to_string());
        match (is, says.map(|span| span.as_secs())) {
            (None, None) if line.attribute("expires").is_some() => {
                self.differs(&at, "Expires is set", "it ends with the browser's session");
            }
            (None, None) => {}
            (Some(_), None) => self.differs(&at, shown, "it ends with the browser's session"),
            (is, Some(says)) => {
                let fits = is
                    .and_then(|age| u64::try_from(age).ok())
                    .is_some_and(|age| age <= says && age + slack >= says);
                if !fits {
                    self.differs(&at, shown, says.to_string());
                }
            }
        }
    }
}

/// What a cookie's value holds; `None` where it is not signed as it should be. Whether the
/// signature is right only its key could tell.
fn decoded(raw: &str, codec: CookieCodec) -> Option<&str> {
    match codec {
        CookieCodec::DjangoV1 | CookieCodec::DjangoV2 => {
            let mut parts = raw.rsplitn(3, ':');
            let (signature, time) = (parts.next()?, parts.next()?);
            let value = parts.next()?;
            let sound = signature.len() == 43 && time.bytes().all(|b| b.is_ascii_alphanumeric());
            sound.then_some(value)
        }
        _ => Some(raw),
    }
}
