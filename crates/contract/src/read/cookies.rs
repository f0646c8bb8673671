//! `[cookies.NAME]`: a cookie is declared once, so that it is set, read and cleared alike.

use std::{sync::Arc, time::Duration};

use crate::{
    answer::{Cookie, CookieCodec, MaxAge, SameSite, Secure},
    read::{
        sections::section,
        {entry::Entry, file::Fields},
    },
    wire,
};

/// The longest a browser keeps a cookie (RFC 6265bis §5.5).
pub(crate) const LONGEST: Duration = Duration::from_secs(400 * 86_400);

const CODECS: [(&str, CookieCodec); 3] = [
    ("plain", CookieCodec::Plain),
    ("django", CookieCodec::DjangoV1),
    ("django-v2", CookieCodec::DjangoV2),
];
const SECURE: [(&str, Secure); 2] = [
    ("always", Secure::Always),
    ("outside_dev", Secure::OutsideDev),
];
const SAME_SITE: [(&str, SameSite); 3] = [
    ("Strict", SameSite::Strict),
    ("Lax", SameSite::Lax),
    ("None", SameSite::None),
];

/// The cookies, and where those stand that scripts can read.
pub(crate) fn cookies(root: &Fields<'_>) -> (Vec<Arc<Cookie>>, Vec<usize>) {
    let mut cookies = Vec::new();
    let mut open = Vec::new();
    for entry in section(root, "cookies").map_or_else(Vec::new, |fields| fields.all()) {
        let Some(cookie) = cookie(&entry) else {
            continue;
        };
        if !cookie.http_only {
            open.push(entry.at);
        }
        cookies.push(Arc::new(cookie));
    }
    (cookies, open)
}

fn cookie(entry: &Entry<'_>) -> Option<Cookie> {
    let fields = entry.table(format!("[cookies.{}]", entry.key))?;
    if !wire::is_token(entry.key) || entry.key.len() > 100 {
        entry.fault(
            format!("a cookie cannot be called `{}`", entry.key),
            "letters, digits, `_` and `-`",
        );
    }
    let cookie = Cookie {
        name: entry.key.into(),
        codec: word(&fields, "codec", &CODECS).unwrap_or(CookieCodec::Plain),
        http_only: fields
            .get("http_only")
            .and_then(|entry| entry.boolean())
            .unwrap_or(true),
        secure: word(&fields, "secure", &SECURE).unwrap_or(Secure::OutsideDev),
        same_site: word(&fields, "same_site", &SAME_SITE).unwrap_or(SameSite::Lax),
        path: path(&fields),
        max_age: max_age(&fields),
    };
    check_prefix(entry, &cookie);
    if cookie.same_site == SameSite::None && cookie.secure != Secure::Always {
        entry.fault(
            "browsers refuse `SameSite=None` on a cookie that is not always Secure",
            "secure = \"always\"",
        );
    }
    fields.finish();
    Some(cookie)
}

fn word<'f, T: Copy>(fields: &Fields<'f>, key: &'f str, words: &[(&str, T)]) -> Option<T> {
    fields.get(key)?.word(words)
}

fn path(fields: &Fields<'_>) -> Box<str> {
    let Some(entry) = fields.get("path") else {
        return "/".into();
    };
    let text = entry.text().unwrap_or("/");
    let sound = text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b';');
    if !sound {
        entry.fault(
            format!("a cookie's path cannot be `{text}`"),
            "path = \"/\"",
        );
    }
    text.into()
}

fn max_age(fields: &Fields<'_>) -> MaxAge {
    let write =
        "max_age = \"access\", \"refresh\", \"browser_session\" or a duration such as \"7d\"";
    let Some(entry) = fields.need("max_age", write) else {
        return MaxAge::BrowserSession;
    };
    match entry.text() {
        Some("access") => MaxAge::Access,
        Some("refresh") => MaxAge::Refresh,
        Some("browser_session") | None => MaxAge::BrowserSession,
        Some(_) => {
            let age = entry.duration(1).unwrap_or_default();
            if age > LONGEST {
                entry.fault(
                    "no browser keeps a cookie for longer than 400 days",
                    "max_age = \"400d\"",
                );
            }
            MaxAge::Fixed(age)
        }
    }
}

/// What browsers demand of names that begin with `__Host-` and `__Secure-`, which they compare
/// without case.
fn check_prefix(entry: &Entry<'_>, cookie: &Cookie) {
    let name = cookie.name.to_ascii_lowercase();
    let host = name.starts_with("__host-");
    if (host || name.starts_with("__secure-")) && cookie.secure != Secure::Always {
        entry.fault(
            format!(
                "browsers refuse `{}` unless it is always Secure",
                cookie.name
            ),
            "secure = \"always\"",
        );
    }
    if host && &*cookie.path != "/" {
        entry.fault(
            format!("browsers refuse `{}` unless its path is `/`", cookie.name),
            "path = \"/\"",
        );
    }
}
