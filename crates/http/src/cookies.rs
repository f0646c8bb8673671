//! Cookies: read strictly, written with every attribute said.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use daemun_contract::{Contract, Cookie, CookieAnswer, CookieCodec, MaxAge, Secure};
use daemun_engine::{
    signed_cookies::{CookieKeys, CookieSigner, Django},
    time::Timestamp,
};

use crate::values::AnswerValues;

/// The longest name and value together that browsers keep (RFC 6265bis §5.6).
const LONGEST: usize = 4096;

/// Reads and writes the cookies of one contract.
pub(crate) struct CookieReader {
    keys: HashMap<Box<str>, CookieKeys>,
    dev: bool,
}

impl CookieReader {
    /// Prepares the keys of a contract's signed cookies.
    pub(crate) fn new(contract: &Contract, secret: Option<&[u8]>, dev: bool) -> Self {
        let signer = secret.map(CookieSigner::new);
        let signed = contract
            .cookies
            .iter()
            .filter(|cookie| cookie.codec != CookieCodec::Plain);
        let keys = signed
            .filter_map(|cookie| Some((cookie.name.clone(), signer.as_ref()?.keys(&cookie.name))))
            .collect();
        Self { keys, dev }
    }

    /// The value of a cookie that is there exactly once, and, where it is signed, rightly so.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        name: &str,
        codec: CookieCodec,
    ) -> Option<String> {
        let raw = sole_cookie(headers, name)?;
        match codec {
            CookieCodec::Plain => Some(raw.to_owned()),
            CookieCodec::DjangoV1 | CookieCodec::DjangoV2 => {
                let value = self.keys.get(name)?.verify(raw, 0, None).ok()?;
                Some(value.to_owned())
            }
        }
    }

    /// A `Set-Cookie` value; `None` where it would be longer than browsers keep.
    pub(crate) fn write(
        &self,
        answer: &CookieAnswer,
        locale: usize,
        values: &AnswerValues<'_>,
        now: Timestamp,
    ) -> Option<Vec<u8>> {
        let cookie = &*answer.cookie;
        let mut line = Vec::with_capacity(512);
        line.extend_from_slice(cookie.name.as_bytes());
        line.push(b'=');
        match &answer.value {
            Some(template) => self.write_value(cookie, template, locale, values, now, &mut line)?,
            None => line.extend_from_slice(b"; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        }
        if line.len() > LONGEST {
            return None;
        }
        if answer.value.is_some()
            && let Some(seconds) = max_age(cookie.max_age, values, now)
        {
            line.extend_from_slice(format!("; Max-Age={seconds}").as_bytes());
        }
        self.write_attributes(cookie, &mut line);
        Some(line)
    }

    fn write_value(
        &self,
        cookie: &Cookie,
        template: &daemun_contract::Template,
        locale: usize,
        values: &AnswerValues<'_>,
        now: Timestamp,
        line: &mut Vec<u8>,
    ) -> Option<()> {
        let version = match cookie.codec {
            CookieCodec::Plain => {
                template.render(locale, values, line);
                return Some(());
            }
            CookieCodec::DjangoV1 => Django::V1,
            CookieCodec::DjangoV2 => Django::V2,
        };
        let mut value = Vec::with_capacity(400);
        template.render(locale, values, &mut value);
        let value = String::from_utf8(value).ok()?;
        let seconds = u64::try_from(now.unix_seconds()).ok()?;
        let signed = self
            .keys
            .get(&cookie.name)?
            .of(version)
            .sign(&value, seconds);
        line.extend_from_slice(signed.as_bytes());
        Some(())
    }

    fn write_attributes(&self, cookie: &Cookie, line: &mut Vec<u8>) {
        line.extend_from_slice(b"; Path=");
        line.extend_from_slice(cookie.path.as_bytes());
        if cookie.secure == Secure::Always || !self.dev {
            line.extend_from_slice(b"; Secure");
        }
        if cookie.http_only {
            line.extend_from_slice(b"; HttpOnly");
        }
        line.extend_from_slice(b"; SameSite=");
        line.extend_from_slice(cookie.same_site.name().as_bytes());
    }
}

fn max_age(rule: MaxAge, values: &AnswerValues<'_>, now: Timestamp) -> Option<u64> {
    let until = |point: Option<Timestamp>| point.map(|point| point.since(now).as_secs());
    match rule {
        MaxAge::Access => until(values.access_expires_at()),
        MaxAge::Refresh => until(values.refresh_expires_at()),
        MaxAge::BrowserSession => None,
        MaxAge::Fixed(span) => Some(span.as_secs()),
    }
}

/// The raw value of a cookie that appears once; of two of the same name neither is believed.
fn sole_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        let Ok(line) = line.to_str() else { continue };
        for pair in line.split(';') {
            let Some((key, value)) = pair.trim().split_once('=') else {
                continue;
            };
            if key == name && found.replace(unquoted(value)).is_some() {
                return None;
            }
        }
    }
    found
}

fn unquoted(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests;
