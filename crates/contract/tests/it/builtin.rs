//! What holds for every contract that comes with daemun.

use daemun_contract::{Body, Contract, GuardMode, MaxAge, Route, Value, Values, builtin, clashes};
use daemun_engine::vocabulary::{Input, Operation, Outcome, Slot};

use crate::support::{Fixed, body, body_in, contract, does};

fn all() -> Vec<Contract> {
    builtin().iter().map(|(name, _)| contract(name)).collect()
}

#[test]
fn every_contract_that_comes_with_daemun_loads_under_its_name() {
    for (name, source) in builtin() {
        match Contract::parse(source, &format!("contracts/{name}.toml")) {
            Ok(contract) => assert_eq!(&*contract.name, *name),
            Err(faults) => panic!("{faults}"),
        }
    }
}

#[test]
fn they_can_all_be_mounted_side_by_side() {
    let contracts = all();
    let contracts: Vec<&Contract> = contracts.iter().collect();
    clashes(&contracts).unwrap();
}

#[test]
fn there_is_an_answer_to_every_outcome_whatever_the_input() {
    for contract in all() {
        for route in &contract.routes {
            for outcome in Outcome::ALL {
                for input in Input::ALL.into_iter().map(Some).chain([None]) {
                    assert!(route.answer(outcome, input).status >= 200);
                }
            }
        }
        let guard = contract.guard.unwrap();
        for outcome in Outcome::ALL {
            assert!(guard.answer(outcome).status >= 200);
        }
    }
}

#[test]
fn every_json_answer_is_json_in_every_language() {
    for contract in all() {
        for route in &contract.routes {
            for (_, _, answer) in route.answers() {
                for locale in 0..contract.locales.len() {
                    if matches!(answer.body, Body::Json(_)) {
                        let body = body_in(answer, locale);
                        serde_json::from_str::<serde_json::Value>(&body).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn each_has_a_guarded_route_that_says_who_the_request_is_from() {
    for contract in all() {
        let route = does(&contract, Operation::WhoAmI);
        assert_eq!(route.guard, GuardMode::Required);
        assert_eq!(route.needs_account, !contract.policy.serves_callers());
    }
}

#[test]
fn a_refresh_that_shows_no_account_needs_none() {
    for contract in all() {
        let shows_account = &*contract.name == "result-code";
        let refresh = does(&contract, Operation::Refresh);
        assert_eq!(refresh.needs_account, shows_account, "{}", contract.name);
    }
}

#[test]
fn s37_a_failed_refresh_from_a_cookie_clears_it_and_trouble_does_not() {
    let from_cookies = |route: &&Route| {
        let mut sources = route.inputs.iter().flat_map(|plan| &plan.sources);
        let cookie = sources.any(|source| matches!(source, daemun_contract::Source::Cookie { .. }));
        route.operation == Operation::Refresh && cookie
    };
    let mut seen = 0;
    for contract in all() {
        for route in contract.routes.iter().filter(from_cookies) {
            seen += 1;
            let set = |outcome| &route.answer(outcome, None).cookies;
            for (outcome, _, answer) in route.answers() {
                let mend_themselves = Outcome::OF_EVERY_ROUTE.contains(&outcome);
                if mend_themselves {
                    assert!(answer.cookies.is_empty(), "{}", outcome.name());
                } else if outcome != Outcome::Ok {
                    assert_eq!(answer.cookies.len(), set(Outcome::Ok).len());
                    assert!(answer.cookies.iter().all(|cookie| cookie.value.is_none()));
                }
            }
        }
    }
    assert_eq!(seen, 4);
}

#[test]
fn s46_native_cookies_are_host_only_secure_and_kept_from_scripts() {
    let native = contract("native");
    assert!(!native.cookies.is_empty());
    for cookie in &native.cookies {
        assert!(cookie.name.starts_with("__Host-"));
        assert_eq!(cookie.secure, daemun_contract::Secure::Always);
        assert_eq!(&*cookie.path, "/");
        assert!(cookie.http_only);
        assert_ne!(cookie.same_site, daemun_contract::SameSite::None);
    }
}

#[test]
fn s48_no_cookie_lives_longer_than_400_days() {
    for contract in all() {
        for cookie in &contract.cookies {
            if let MaxAge::Fixed(age) = cookie.max_age {
                assert!(age.as_secs() <= 400 * 86_400);
            }
        }
    }
}

#[test]
fn s21_native_access_tokens_carry_no_personal_data() {
    let native = contract("native");
    let claims = &native.policy.tokens.access.claims;
    let names: Vec<&str> = claims.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["iss", "aud", "sub", "exp", "iat", "jti"]);
    assert_eq!(native.policy.tokens.access.typ.as_deref(), Some("at+jwt"));
    assert!(native.policy.tokens.access.kid);
}

#[test]
fn s79_native_never_tells_whether_somebody_has_an_account() {
    let native = contract("native");
    for (operation, alike) in [
        (
            Operation::SignUp,
            vec![Outcome::Ok, Outcome::IdentifierTaken],
        ),
        (
            Operation::ResendCode,
            vec![
                Outcome::Ok,
                Outcome::UnknownAccount,
                Outcome::AlreadyVerified,
                Outcome::TooSoon,
            ],
        ),
        (
            Operation::LogIn,
            vec![
                Outcome::WrongPassword,
                Outcome::UnknownAccount,
                Outcome::Withdrawn,
            ],
        ),
    ] {
        for route in native
            .routes
            .iter()
            .filter(|route| route.operation == operation)
        {
            for outcome in &alike {
                assert_eq!(route.answer(*outcome, None), route.answer(alike[0], None));
            }
        }
    }
}

#[test]
fn native_errors_are_problem_details_whose_status_is_the_answers() {
    let native = contract("native");
    let routes = native.routes.iter().flat_map(|route| route.answers());
    let mut seen = 0;
    for (_, _, answer) in routes.filter(|(.., answer)| answer.status >= 400) {
        seen += 1;
        assert_eq!(
            answer.content_type.as_deref(),
            Some("application/problem+json")
        );
        let problem: serde_json::Value = serde_json::from_str(&body(answer)).unwrap();
        assert_eq!(problem["status"], answer.status);
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:daemun:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
    }
    assert!(seen > 100);
}

/// Values that try to break out of where they stand.
struct Hostile(&'static str);

impl Values for Hostile {
    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::Sessions => Fixed.value(slot),
            _ => self.0.into(),
        }
    }
}

#[test]
fn s57_no_value_breaks_out_of_a_body_or_a_header() {
    for hostile in [
        "\"},{\"admin\":true,\"x\":{\"y\":\"",
        "\r\nSet-Cookie: a=b\r\n\r\n<script>",
        "\\",
        "\u{0}\u{1f}\u{7f}\u{2028}\u{feff}",
        "{{access}}",
    ] {
        for contract in all() {
            let answers = contract.routes.iter().flat_map(Route::answers);
            let answers = answers.map(|(.., answer)| answer);
            let by_reason = contract.routes.iter().flat_map(Route::answers_by_reason);
            for answer in answers.chain(by_reason.map(|(.., answer)| answer)) {
                check_hostile(answer, hostile);
            }
        }
    }
}

fn check_hostile(answer: &daemun_contract::Answer, hostile: &'static str) {
    let mut body = Vec::new();
    answer.render_body(0, &Hostile(hostile), &mut body);
    if matches!(answer.body, Body::Json(_)) {
        let tame: serde_json::Value = serde_json::from_str(&crate::support::body(answer)).unwrap();
        let wild: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let named = |mut names: Vec<String>| {
            // A member that is named after the input has its name as it is.
            names.retain(|name| name != "FIELD" && name != hostile);
            names
        };
        assert_eq!(named(shape(&tame)), named(shape(&wild)));
    }
    for (_, template) in &answer.headers {
        let mut value = Vec::new();
        template.render(0, &Hostile(hostile), &mut value);
        assert!(value.iter().all(|byte| !byte.is_ascii_control()));
    }
}

/// The names of a value's members, at all depths.
fn shape(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| {
                let inner = shape(value)
                    .into_iter()
                    .map(move |name| format!("{key}.{name}"));
                std::iter::once(key.clone()).chain(inner)
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(shape).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_route_is_in_the_openapi_document_and_every_reference_leads_somewhere() {
    for contract in all() {
        let document = contract.openapi("http://localhost:8080");
        for route in &contract.routes {
            for path in route.paths() {
                let operation = &document["paths"][path.as_str()][route.method.key()];
                assert!(operation["responses"].is_object(), "{path}");
                let declared = operation["parameters"].as_array().into_iter().flatten();
                let in_path = declared.filter(|parameter| parameter["in"] == "path");
                assert_eq!(in_path.count(), path.params().count());
            }
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
