//! One answer: its status, body, headers and cookies, compiled.

use std::sync::Arc;

use daemun_engine::vocabulary::Slot;

use crate::{
    answer::{Answer, Body, Cookie, CookieAnswer, MaxAge},
    read::{
        entry::Entry,
        file::Fields,
        say::instead,
        words::{Text, Words, content_type},
    },
    template::{
        Template,
        compile::{Compiler, Given, SlotUse, With},
    },
    wire,
};

/// What answers draw on.
pub(crate) struct Material<'f> {
    pub(crate) words: Words<'f>,
    pub(crate) cookies: Vec<Arc<Cookie>>,
    /// Whether bodies say the refresh token that a cookie of the same answer holds.
    pub(crate) refresh_in_body: Option<(bool, usize)>,
}

/// A compiled answer, and what it shows where.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) at: usize,
    pub(crate) answer: Arc<Answer>,
    pub(crate) uses: Vec<SlotUse>,
}

const STATUS_HINT: &str = "status = 400";

pub(crate) fn draft<'f>(fields: Fields<'f>, material: &Material<'f>) -> Draft {
    let mut draft = AnswerReader {
        material,
        uses: Vec::new(),
    };
    let answer = draft.read(&fields);
    let uses = draft.uses;
    let at = fields.at;
    fields.finish();
    Draft {
        at,
        answer: Arc::new(answer),
        uses,
    }
}

struct AnswerReader<'m, 'f> {
    material: &'m Material<'f>,
    uses: Vec<SlotUse>,
}

impl<'f> AnswerReader<'_, 'f> {
    fn read(&mut self, fields: &Fields<'f>) -> Answer {
        let status = fields.need("status", STATUS_HINT).and_then(|e| status(&e));
        let cookies = self.cookies(fields);
        let holds_refresh = cookies.iter().any(|set| {
            let mut slots = set.value.iter().flat_map(Template::slots);
            slots.any(|slot| slot == Slot::Refresh)
        });
        let (body, implied_type) = self.body(fields, holds_refresh);
        let own_type = fields.get("type").and_then(|entry| {
            if body == Body::Empty {
                entry.fault(
                    "there is no body whose type this could be",
                    "no `type`, or a `json` or `text`",
                );
            }
            content_type(&entry)
        });
        let status = status.unwrap_or(500);
        if matches!(status, 204 | 205 | 304) && body != Body::Empty {
            let what = format!("an answer of status {status} has no body");
            fields
                .file
                .fault(fields.at, what, "another status, or no body");
        }
        Answer {
            status,
            content_type: own_type.or(implied_type).map(Box::from),
            headers: self.headers(fields),
            cookies,
            body,
        }
    }

    /// The body, and the content type it has where the answer does not say.
    /// One that goes with a cookie for the refresh token leaves that token out, unless asked for it.
    fn body(&mut self, fields: &Fields<'f>, in_cookie: bool) -> (Body, Option<&'f str>) {
        let json = fields.get("json");
        let text = fields.get("text");
        let shape = fields.get("shape");
        let with = fields.get("with");
        if [&json, &text, &shape].into_iter().flatten().count() > 1 {
            fields.file.fault(
                fields.at,
                format!("{} has more than one body", fields.name),
                "one of `json`, `text` and `shape`",
            );
        }
        if let (Some(with), None) = (&with, &shape) {
            with.fault(
                "`with` gives values to a shape, and there is none",
                "shape = \"…\" as well",
            );
        }
        if let Some(shape) = shape {
            return self.shaped(&shape, with, in_cookie);
        }
        let mut compiler = Compiler::new(&self.material.words, None);
        compiler.without_refresh = in_cookie && !self.says_refresh();
        let body = if let Some(text) = json.and_then(|entry| Text::read(&entry)) {
            (Body::Json(compiler.json(&text)), Some("application/json"))
        } else if let Some(text) = text.and_then(|entry| Text::read(&entry)) {
            (
                Body::Text(compiler.plain(&text)),
                Some("text/plain; charset=utf-8"),
            )
        } else {
            (Body::Empty, None)
        };
        self.check_refresh(fields.at, &compiler);
        self.uses.append(&mut compiler.uses);
        body
    }

    fn says_refresh(&self) -> bool {
        self.material.refresh_in_body.is_some_and(|(says, _)| says)
    }

    /// What a cookie keeps from scripts is left out of a body knowingly or not at all.
    fn check_refresh(&self, at: usize, compiler: &Compiler<'_, '_>) {
        if compiler.left_refresh_out && self.material.refresh_in_body.is_none() {
            self.material.words.file.fault(
                at,
                "this answer says the refresh token in its body and in a cookie, which keeps it from scripts",
                "refresh_in_body = false in [tokens], and the body leaves it out; or true",
            );
        }
    }

    fn shaped(
        &mut self,
        entry: &Entry<'f>,
        with: Option<Entry<'f>>,
        in_cookie: bool,
    ) -> (Body, Option<&'f str>) {
        let shapes = &self.material.words.shapes;
        let Some((name, shape)) = entry.text().map(|name| (name, shapes.get(name))) else {
            return (Body::Empty, None);
        };
        let Some(shape) = shape else {
            let known: Vec<&str> = shapes.keys().copied().collect();
            let write = if known.is_empty() {
                format!("[shapes.{name}] with its `json`")
            } else {
                instead(name, &known)
            };
            entry.fault(format!("there is no shape `{name}`"), write);
            return (Body::Empty, None);
        };
        let at = with.as_ref().map_or(entry.at, |with| with.at);
        let with = with.map_or_else(With::new, |with| given(&with));
        let mut compiler = Compiler::new(&self.material.words, Some(&with));
        compiler.without_refresh = in_cookie && !self.says_refresh();
        let body = Body::Json(compiler.json(&shape.json));
        compiler.check_given(at);
        self.check_refresh(at, &compiler);
        self.uses.append(&mut compiler.uses);
        (body, shape.content_type.or(Some("application/json")))
    }

    fn headers(&mut self, fields: &Fields<'f>) -> Vec<(Box<str>, Template)> {
        let name = format!("`headers` of {}", fields.name);
        let Some(table) = fields.get("headers").and_then(|entry| entry.table(name)) else {
            return Vec::new();
        };
        let mut headers = Vec::new();
        for entry in table.all() {
            let lower = entry.key.to_ascii_lowercase();
            if !wire::is_token(entry.key) {
                let what = format!("`{}` is no name of a header", entry.key.escape_default());
                entry.fault(what, "letters, digits and `-`");
            } else if wire::RESERVED_HEADERS.contains(&lower.as_str()) {
                entry.fault(
                    format!("the header `{}` is not the contract's to set", entry.key),
                    "`type` for the content type, `set_cookies` for cookies; nothing for the others",
                );
            } else if headers
                .iter()
                .any(|(known, _): &(Box<str>, _)| known.eq_ignore_ascii_case(entry.key))
            {
                entry.fault(
                    format!("the header `{}` stands twice", entry.key),
                    "it once",
                );
            }
            let Some(text) = Text::read(&entry) else {
                continue;
            };
            let mut compiler = Compiler::new(&self.material.words, None);
            let template = compiler.line(&text, wire::is_header_text, "visible ASCII and spaces");
            self.uses.append(&mut compiler.uses);
            headers.push((Box::from(entry.key), template));
        }
        headers
    }

    fn cookies(&mut self, fields: &Fields<'f>) -> Vec<CookieAnswer> {
        let mut cookies = Vec::new();
        let name = format!("`set_cookies` of {}", fields.name);
        let set = fields
            .get("set_cookies")
            .and_then(|entry| entry.table(name));
        for entry in set.map_or_else(Vec::new, |table| table.all()) {
            let (Some(cookie), Some(text)) = (self.cookie(&entry, entry.key), Text::read(&entry))
            else {
                continue;
            };
            let value = self.cookie_value(&entry, &cookie, &text);
            cookies.push(CookieAnswer {
                cookie,
                value: Some(value),
            });
        }
        let clear = fields.get("clear_cookies");
        for (entry, name) in clear
            .iter()
            .flat_map(|entry| entry.texts().into_iter().map(move |name| (entry, name)))
        {
            let Some(cookie) = self.cookie(entry, name) else {
                continue;
            };
            if cookies.iter().any(|set| set.cookie == cookie) {
                entry.fault(
                    format!("the cookie `{name}` is set or cleared twice"),
                    "it once",
                );
            }
            cookies.push(CookieAnswer {
                cookie,
                value: None,
            });
        }
        cookies
    }

    fn cookie(&self, entry: &Entry<'_>, name: &str) -> Option<Arc<Cookie>> {
        declared(&self.material.cookies, name, |what, write| {
            entry.fault(what, write);
        })
    }

    /// Tokens and ids only: what people choose for themselves has no place in a cookie, where it
    /// could not be told from attributes.
    fn cookie_value(&mut self, entry: &Entry<'_>, cookie: &Cookie, text: &Text<'f>) -> Template {
        const MAY: [Slot; 5] = [
            Slot::Access,
            Slot::Refresh,
            Slot::AccountId,
            Slot::AccountIdText,
            Slot::SessionId,
        ];
        let mut compiler = Compiler::new(&self.material.words, None);
        let template = compiler.line(
            text,
            wire::is_cookie_text,
            "visible ASCII without `\"`, `,`, `;` and `\\`",
        );
        for (slot, at) in &compiler.uses {
            if !MAY.contains(slot) {
                let what = format!("a cookie cannot hold `{}`", slot.name());
                let known = MAY.map(Slot::name);
                entry
                    .file
                    .fault(*at, what, crate::read::say::or_list(&known));
            }
        }
        self.uses.append(&mut compiler.uses);
        match cookie.max_age {
            MaxAge::Access => self.uses.push((Slot::AccessExpiresIn, entry.at)),
            MaxAge::Refresh => self.uses.push((Slot::RefreshExpiresIn, entry.at)),
            MaxAge::BrowserSession | MaxAge::Fixed(_) => {}
        }
        template
    }
}

/// The declared cookie of that name.
pub(crate) fn declared(
    cookies: &[Arc<Cookie>],
    name: &str,
    fault: impl FnOnce(String, String),
) -> Option<Arc<Cookie>> {
    let found = cookies.iter().find(|cookie| *cookie.name == *name);
    if found.is_none() {
        let known: Vec<&str> = cookies.iter().map(|cookie| &*cookie.name).collect();
        let write = crate::read::say::nearest(name, &known).map_or_else(
            || format!("[cookies.{name}] with its max_age"),
            |near| format!("`{near}`"),
        );
        fault(format!("there is no cookie `{name}`"), write);
    }
    found.cloned()
}

/// Any final status, registered or not: some front ends look for 998.
fn status(entry: &Entry<'_>) -> Option<u16> {
    let status = entry.number(200..1000)?;
    u16::try_from(status).ok()
}

fn given<'f>(entry: &Entry<'f>) -> With<'f> {
    let Some(table) = entry.table("`with`") else {
        return With::new();
    };
    let entries = table.all();
    let given = entries.iter().filter_map(|entry| {
        if entry.is_text() {
            return Some((entry.key, Given::Text(Text::read(entry)?)));
        }
        let scalar = entry.json()?;
        if scalar.is_array() || scalar.is_object() {
            entry.fault(
                format!("{} is more than one value", entry.called()),
                "a string, a number or a boolean",
            );
            return None;
        }
        Some((entry.key, Given::Scalar(scalar)))
    });
    given.collect()
}
