//! Everything that can be wrong with a request for a route.

mod inputs;

use daemun_contract::{Contract, GuardMode, InputPlan, Route, Source};
use reqwest::Method;
use serde_json::json;

use super::draft::{Draft, FORM, JSON, MULTIPART};

/// The largest body that is read where nothing else is configured.
const LARGEST: usize = 64 * 1024;

type Ends = &'static [&'static str];

const ANYHOW: Ends = &[];
const REFUSED: Ends = &["bad_request", "invalid_field"];

/// One thing that is wrong.
pub struct Fault {
    pub what: String,
    pub draft: Draft,
    /// How it must end; where this is empty, in any way that is declared.
    pub ends: &'static [&'static str],
    /// Whether nobody is signed in: what is wrong is what is shown to the guard.
    pub unshown: bool,
}

/// Everything that can be wrong with a request that is `right`.
pub fn faults(contract: &Contract, route: &Route, right: &Draft) -> Vec<Fault> {
    let mut faults = Faults {
        right: right.clone(),
        all: Vec::new(),
    };
    faults.of_methods(contract, route);
    faults.of_bodies();
    faults.of_forms();
    let in_body = route.inputs.iter().filter(|plan| is_in_body(plan));
    for (nth, plan) in in_body.enumerate() {
        faults.of_field(nth, plan, route.collect);
    }
    let sources = route.inputs.iter().flat_map(|plan| &plan.sources);
    for source in sources {
        faults.of_place(source, false);
    }
    let guard = contract.guard.iter();
    let guard = guard.filter(|_| route.guard != GuardMode::Off);
    for source in guard.flat_map(|guard| &guard.sources) {
        faults.of_place(source, true);
    }
    faults.of_paths(route);
    faults.all
}

fn is_in_body(plan: &InputPlan) -> bool {
    matches!(plan.sources.first(), Some(Source::Body(_)))
}

struct Faults {
    right: Draft,
    all: Vec<Fault>,
}

impl Faults {
    fn add(&mut self, what: &str, draft: Draft, ends: Ends) {
        let what = what.to_owned();
        self.all.push(Fault {
            what,
            draft,
            ends,
            unshown: false,
        });
    }

    /// Methods that the path has not.
    fn of_methods(&mut self, contract: &Contract, route: &Route) {
        let path = route.path.as_str();
        let has = |name: &str| {
            let mut others = contract.routes.iter();
            others.any(|r| r.path.matches(path).is_some() && r.method.name() == name)
        };
        for name in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "post",
        ] {
            if has(if name == "HEAD" { "GET" } else { name }) {
                continue;
            }
            let mut draft = self.right.clone();
            draft.method = Method::from_bytes(name.as_bytes()).expect("a method");
            self.add(name, draft, &["method_not_allowed"]);
        }
        let mut draft = self.right.clone();
        draft.method = Method::OPTIONS;
        self.add("OPTIONS", draft, &["preflight"]);
    }

    fn of_bodies(&mut self) {
        let malformed: [(&str, Vec<u8>); 16] = [
            ("half an object", b"{".into()),
            ("half a member", br#"{"email":"#.into()),
            ("something after it", br#"{} {}"#.into()),
            ("single quotes", b"{'email':'x'}".into()),
            ("no quotes", b"{email:1}".into()),
            ("a comment", b"/**/{}".into()),
            ("no JSON", b"\x00\x01\x02".into()),
            ("bytes that are no text", b"{\"email\":\"\xff\xfe\"}".into()),
            ("UTF-16", b"\xff\xfe{\x00}\x00".into()),
            ("a byte order mark", b"\xef\xbb\xbf{}".into()),
            ("a raw NUL", b"{\"email\":\"\x00\"}".into()),
            ("half a surrogate", br#"{"email":"\ud800"}"#.into()),
            ("a number beyond all", br#"{"email":1e999}"#.into()),
            (
                "lists in lists",
                ["[".repeat(9_000), "]".repeat(9_000)].concat().into(),
            ),
            (
                "objects in objects",
                [r#"{"a":"#.repeat(9_000), "}".repeat(9_000)]
                    .concat()
                    .into(),
            ),
            ("a form", b"email=x&password=y".into()),
        ];
        for (what, body) in malformed {
            self.add(
                what,
                self.right.clone().with_body(JSON, body),
                &["bad_request"],
            );
        }
        for body in ["[]", "\"text\"", "1", "null", "true", "[{}]"] {
            self.add(
                body,
                self.right.clone().with_body(JSON, body),
                &["bad_request"],
            );
        }
        let full = json!({ "email": "x".repeat(LARGEST) }).to_string();
        self.add(
            "a body too large",
            self.right.clone().with_body(JSON, full),
            &["too_large"],
        );
        self.add(
            "an empty body",
            self.right.clone().with_body(JSON, ""),
            ANYHOW,
        );
        self.add(
            "no members",
            self.right.clone().with_body(JSON, "{}"),
            ANYHOW,
        );
        self.of_content_types();
    }

    fn of_content_types(&mut self) {
        let unread = &["unsupported_media_type"];
        for content_type in [
            "text/plain",
            "application/xml",
            "text/json",
            "application/jsonp",
            "",
            "json",
            "application/x-www-form-urlencoded-not",
            "*/*",
            "application/json, text/plain",
        ] {
            let draft = self.right.clone().with_body(content_type, "{}");
            self.add(&format!("the type `{content_type}`"), draft, unread);
        }
        let mut unsaid = self.right.clone().with_body(JSON, "{}");
        unsaid.content_types.clear();
        self.add("no type", unsaid, unread);
        let mut twice = self.right.clone().with_body(JSON, "{}");
        twice.content_types.push(FORM);
        self.add("two types", twice, unread);
        let odd = self
            .right
            .clone()
            .with_body("application/json; charset=euc-kr;;=", "{}");
        self.add("odd parameters", odd, ANYHOW);
    }

    fn of_forms(&mut self) {
        for content_type in [FORM, MULTIPART] {
            let mut right = self.right.clone();
            right.send_as(content_type);
            if right.fields.is_empty() {
                continue;
            }
            self.add(content_type, right.clone(), ANYHOW);
            let mut twice = right.clone();
            twice.fields.extend(right.fields.clone());
            twice.send_as(content_type);
            self.add(&format!("each field twice, {content_type}"), twice, REFUSED);
        }
        for body in [
            "%",
            "%zz=%",
            "=",
            "&&&",
            "=&=",
            "email=%ff%fe",
            "email=%00",
            "email[]=x",
            "email[a]=x",
        ] {
            self.add(body, self.right.clone().with_body(FORM, body), ANYHOW);
        }
        self.add(
            "bytes in a form",
            self.right.clone().with_body(FORM, b"email=\xff".as_slice()),
            &["bad_request"],
        );
        self.add(
            "10,000 fields",
            self.right.clone().with_body(FORM, "a=1&".repeat(10_000)),
            ANYHOW,
        );
        let part = "--edge\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nx";
        let broken: [(&str, Vec<u8>); 6] = [
            ("no end", part.into()),
            ("another edge", part.replace("edge", "ledge").into()),
            (
                "a part without a name",
                "--edge\r\n\r\nx\r\n--edge--\r\n".into(),
            ),
            (
                "bytes in a part",
                [part.as_bytes(), b"\xff\r\n--edge--\r\n"].concat(),
            ),
            (
                "a part's header without end",
                b"--edge\r\nContent-Disposition: form-data; name=\"".into(),
            ),
            ("no multipart", b"{}".into()),
        ];
        for (what, body) in broken {
            self.add(
                what,
                self.right.clone().with_body(MULTIPART, body),
                &["bad_request"],
            );
        }
        let edgeless = self.right.clone().with_body("multipart/form-data", part);
        self.add("no edge", edgeless, &["bad_request"]);
        let file =
            part.replace("\"email\"", "\"email\"; filename=\"../../x\"") + "\r\n--edge--\r\n";
        self.add(
            "a file",
            self.right.clone().with_body(MULTIPART, file),
            ANYHOW,
        );
    }
}
