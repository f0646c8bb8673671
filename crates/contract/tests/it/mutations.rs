//! Whatever stands in a file, reading it ends in a contract or in faults, never in a panic; and
//! whatever the values are, what is rendered is JSON.

use std::{fmt::Write as _, sync::LazyLock};

use daemun_contract::{Body, Contract, Value, Values, builtin};
use daemun_engine::vocabulary::Slot;
use proptest::{prelude::*, sample::Index};

const SIXTH: &str = include_str!("../../../../examples/sixth/ours.toml");

fn sources() -> Vec<&'static str> {
    let builtin = builtin().iter().map(|(_, source)| *source);
    builtin
        .chain([SIXTH, include_str!("minimal.toml")])
        .collect()
}

static CONTRACTS: LazyLock<Vec<Contract>> = LazyLock::new(|| {
    let sources = sources();
    let parsed = sources
        .iter()
        .map(|source| Contract::parse(source, "x.toml"));
    parsed.collect::<Result<_, _>>().unwrap()
});

/// What files are made of, for putting together what nobody would write.
const WORDS: &[&str] = &[
    "[[route]]",
    "[route.on]",
    "[route.on.ok]",
    "[on.ok]",
    "[guard]",
    "[guard.on]",
    "[contract]",
    "[tokens]",
    "[tokens.access]",
    "[cookies.x]",
    "[shapes.x]",
    "[texts.ko]",
    "[messages.confirm_address.ko]",
    "[route.on.missing_field.password]",
    "name",
    "locales",
    "post",
    "get",
    "does",
    "takes",
    "on",
    "ok",
    "status",
    "json",
    "text",
    "shape",
    "with",
    "headers",
    "set_cookies",
    "clear_cookies",
    "claims",
    "exp",
    "required",
    "also",
    "guard",
    "summary",
    "route",
    "=",
    ".",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'''",
    "\"",
    "'",
    "\n",
    "\n",
    "\n",
    "#",
    "\"log_in\"",
    "\"refresh\"",
    "\"/a/{b}\"",
    "\"body.a\"",
    "\"{{access}}\"",
    "\"{{\"",
    "\"}}\"",
    "\"{{text.x}}\"",
    "\"{{with.x}}\"",
    "'{\"a\":\"{{x}}\"}'",
    "'{'",
    "400",
    "-1",
    "9223372036854775807",
    "1e400",
    "inf",
    "nan",
    "true",
    "1979-05-27",
    "\"\\u0000\"",
    "\"한\"",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_removed_repeated_and_swapped_never_panic(
        file in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), any::<Index>(), 0..3_u8), 1..6),
    ) {
        let sources = sources();
        let mut lines: Vec<&str> = file.get(&sources).lines().collect();
        for (one, other, edit) in edits {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            match edit {
                0 => { lines.remove(one); }
                1 => lines.insert(other, lines[one]),
                _ => lines.swap(one, other),
            }
        }
        read(&lines.join("\n"));
    }

    #[test]
    fn bytes_removed_and_inserted_never_panic(
        file in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), prop::sample::select(WORDS), 0..8_usize), 1..4),
    ) {
        let sources = sources();
        let mut text: Vec<char> = file.get(&sources).chars().collect();
        for (at, word, removed) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, word.chars());
        }
        read(&text.into_iter().collect::<String>());
    }

    #[test]
    fn words_in_any_order_never_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        read(&words.join(" "));
    }

    #[test]
    fn what_is_rendered_is_json_whatever_the_values(text in any::<String>(), number in any::<i64>()) {
        for contract in CONTRACTS.iter() {
            for (_, _, answer) in contract.routes.iter().flat_map(|route| route.answers()) {
                for locale in 0..=contract.locales.len() {
                    let mut body = Vec::new();
                    answer.render_body(locale, &Any(&text, number), &mut body);
                    if matches!(answer.body, Body::Json(_)) {
                        prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
                    }
                }
            }
        }
    }
}

/// Reads, and shows what came of it: showing must not panic either.
fn read(source: &str) {
    let mut shown = String::new();
    match Contract::parse(source, "x.toml") {
        Ok(contract) => {
            write!(
                shown,
                "{}{}",
                contract.explain(),
                contract.openapi("http://x")
            )
            .unwrap();
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            let lines = source.lines().count() + 1;
            assert!(
                faults
                    .0
                    .iter()
                    .all(|fault| (1..=lines).contains(&fault.line))
            );
            write!(shown, "{faults}").unwrap();
        }
    }
    assert!(!shown.is_empty());
}

struct Any<'a>(&'a str, i64);

impl Values for Any<'_> {
    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::AccountId | Slot::RetryAfter | Slot::AccessExpiresIn => Value::Int(self.1),
            Slot::AccountActive => Value::Bool(self.1 % 2 == 0),
            Slot::AccountKakao => Value::Null,
            Slot::Sessions => Value::Json("[]".into()),
            _ => self.0.into(),
        }
    }
}
