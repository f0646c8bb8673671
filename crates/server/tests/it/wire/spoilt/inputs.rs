//! What can be wrong with an input: in a field, a header, a cookie, the path; and beside all inputs.

use daemun_contract::{InputPlan, Route, Source};
use daemun_engine::vocabulary::Input;
use serde_json::{Value, json};

use super::{ANYHOW, Ends, Faults, REFUSED};
use crate::{
    anyone::with_scheme,
    wire::{
        draft::{Draft, JSON},
        judge::CANARY,
    },
};

impl Faults {
    /// A field of a JSON body, in turn everything but what it should be. Where several faults are
    /// told at once, how it ends depends on the others.
    pub(super) fn of_field(&mut self, nth: usize, plan: &InputPlan, several: bool) {
        let secret = if plan.input.may_be_shown() {
            "shown"
        } else {
            CANARY
        };
        let must = |ends: Ends| match plan.input {
            Input::Profile(_) => ANYHOW,
            _ if several => ANYHOW,
            _ => ends,
        };
        let needed = |ends: Ends| if plan.optional { ANYHOW } else { must(ends) };
        let (missing, blank) = (needed(&["missing_field"]), needed(&["blank_field"]));
        let mut values: Vec<(Value, Ends)> = Vec::new();
        let no_text = [
            json!(0),
            json!(-1.5),
            json!(u64::MAX),
            json!([]),
            json!({}),
            json!([secret]),
            json!({ "$gt": "" }),
            json!({ "email": secret }),
        ];
        values.extend(no_text.map(|value| (value, must(REFUSED))));
        let flag = match plan.input {
            Input::Keep => ANYHOW,
            _ => must(REFUSED),
        };
        values.extend([json!(true), json!(false)].map(|value| (value, flag)));
        let white = match plan.input {
            Input::Password => ANYHOW,
            _ => blank,
        };
        values.extend([(Value::Null, missing), (json!(""), blank)]);
        values.extend([" ", "\t\r\n", "\u{3000}"].map(|text| (json!(text), white)));
        let odd = [
            "\u{0}",
            "a\r\nSet-Cookie: x=1\r\n\r\n<html>",
            "{{access}}",
            "\u{202e}evil",
            "\"}}\\",
            "' OR 1=1 --",
            "../../etc/passwd",
            "%00%0d%0a",
            "null",
            "undefined",
            "\u{1f600}\u{301}",
            "a@b@c",
            "a@localhost",
            "+82 10 1234 5678",
            "-1",
            "NaN",
            "\u{ffff}",
        ];
        values.extend(odd.map(|text| (json!(text), ANYHOW)));
        values.extend(
            ["x".repeat(60_000), "가".repeat(20_000), "@".repeat(5_000)]
                .map(|text| (json!(text), ANYHOW)),
        );
        let name = &plan.wire_name;
        for (value, ends) in values {
            let shown: String = value.to_string().chars().take(60).collect();
            let draft = self.right.clone().with_field(nth, Some(&value));
            self.add(&format!("{name} = {shown}"), draft, ends);
        }
        let without = self.right.clone().with_field(nth, None);
        self.add(&format!("no {name}"), without.clone(), missing);
        let mut in_query = without;
        in_query.path += &format!("?{name}={CANARY}");
        self.add(&format!("{name} in the query"), in_query, missing);
        let text = String::from_utf8(self.right.body.clone()).expect("JSON");
        let twice = text.replacen('{', &format!("{{\"{name}\":0,\"{name}\":null,"), 1);
        self.add(
            &format!("{name} thrice"),
            self.right.clone().with_body(JSON, twice),
            ANYHOW,
        );
    }

    /// A header or a cookie that holds an input, or what the guard asks for.
    pub(super) fn of_place(&mut self, source: &Source, unshown: bool) {
        let before = self.all.len();
        match source {
            Source::Header { name, schemes } => {
                let scheme = with_scheme(schemes, "");
                for value in values() {
                    let text = [scheme.as_bytes(), &value].concat();
                    self.add(
                        &format!("{name}: {}", text.escape_ascii()),
                        self.with_header(name, &text),
                        ANYHOW,
                    );
                }
                for text in [
                    "",
                    "Bearer",
                    "bearer  ",
                    "Basic ",
                    "JWT ",
                    "Bearer a b ",
                    "Bearer,",
                ] {
                    let text = format!("{text}{CANARY}");
                    let mut draft = self.with_header(name, text.as_bytes());
                    self.add(&format!("{name}: {text}"), draft.clone(), ANYHOW);
                    draft.headers.push((name.to_string(), text.clone().into()));
                    self.add(&format!("{name} twice: {text}"), draft, ANYHOW);
                }
            }
            Source::Cookie { name, .. } => {
                for value in values() {
                    let mut draft = self.right.clone();
                    let is_it = |line: &[u8]| line.starts_with(format!("{name}=").as_bytes());
                    draft.headers.retain(|(_, line)| !is_it(line));
                    draft.cookie(name, &value);
                    let what = format!("cookie {name}={}", value.escape_ascii());
                    self.add(&what, draft.clone(), ANYHOW);
                    draft.cookie(name, CANARY.as_bytes());
                    self.add(&format!("{what}, and another"), draft, ANYHOW);
                }
            }
            Source::Body(_) | Source::Query(_) | Source::Path(_) => {}
        }
        for fault in self.all.iter_mut().skip(before) {
            fault.unshown = unshown;
        }
    }

    fn with_header(&self, name: &str, text: &[u8]) -> Draft {
        let mut draft = self.right.clone();
        draft
            .headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        draft.headers.push((name.to_owned(), text.to_vec()));
        draft
    }

    /// What is wrong with the path, or beside all inputs.
    pub(super) fn of_paths(&mut self, route: &Route) {
        for name in route.path.params() {
            let whole = format!("{{{name}}}");
            for value in [
                "%00",
                "%0d%0aX:%20y",
                "%ff",
                "%2f",
                "0%20",
                "-1",
                "é",
                &"9".repeat(4_000),
            ] {
                let mut draft = self.right.clone();
                draft.path = route.path.as_str().replace(&whole, value);
                self.add(&format!("{name} = {value:.20}"), draft, ANYHOW);
            }
        }
        for query in ["?", "?a", "?=&=", "?%00=%ff", "?token=CANARY-of-a-secret"] {
            let mut draft = self.right.clone();
            draft.path += query;
            self.add(query, draft, ANYHOW);
        }
        for (name, value) in [
            ("accept-language", "ko"),
            ("accept-language", "\u{ff};q=x"),
            ("accept", "text/html"),
            ("x-forwarded-for", "CANARY"),
            ("host", "evil.example"),
            ("user-agent", ""),
        ] {
            let mut draft = self.right.clone();
            draft.headers.push((name.into(), value.into()));
            self.add(name, draft, ANYHOW);
        }
    }
}

/// What is no token.
fn values() -> impl Iterator<Item = Vec<u8>> {
    let short: [&[u8]; 12] = [
        b"",
        b" ",
        b"null",
        b"a b",
        b"\"\"",
        b"..",
        b"a.b.c",
        b"\xff\xfe",
        "토큰".as_bytes(),
        b"eyJhbGciOiJub25lIn0.e30.",
        b"a=b; c=d",
        b"x, y",
    ];
    let long = ["x".repeat(6_000), "a.".repeat(3_000)];
    let long = long.map(String::into_bytes);
    short.map(<[u8]>::to_vec).into_iter().chain(long)
}
