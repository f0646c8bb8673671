//! The example of a team's own contract, which the manual walks through.

use daemun_contract::{Contract, builtin, clashes};
use daemun_engine::{
    policy::{KeyName, Locale},
    vocabulary::{Input, Outcome},
};

use crate::support::{Fixed, body_in, contract, parse, route, written_out};

fn ours() -> Contract {
    parse(include_str!("../../../../examples/sixth/ours.toml"))
}

#[test]
fn every_answer_of_the_example_is_as_it_was() {
    insta::assert_snapshot!("answers-sixth", written_out(&ours()));
}

#[test]
fn the_example_is_mounted_beside_the_others() {
    let contracts: Vec<Contract> = builtin().iter().map(|(name, _)| contract(name)).collect();
    let ours = ours();
    let all: Vec<&Contract> = contracts.iter().chain([&ours]).collect();
    clashes(&all).unwrap();
}

#[test]
fn its_tokens_travel_in_headers_and_its_envelope_is_its_own() {
    let ours = ours();
    assert_eq!(ours.locales, [Locale::Ko, Locale::En]);
    let access = &ours.policy.tokens.access;
    assert_eq!(
        (access.key, access.algorithm.name()),
        (KeyName::Legacy, "HS512")
    );
    assert_eq!(access.typ, None);

    let log_in = route(&ours, "POST /api/v2/session").answer(Outcome::Ok, None);
    let headers: Vec<(String, String)> = log_in
        .headers
        .iter()
        .map(|(name, template)| {
            let mut value = Vec::new();
            template.render(0, &Fixed, &mut value);
            (name.to_string(), String::from_utf8(value).unwrap())
        })
        .collect();
    assert_eq!(headers[0], ("Authorization".into(), "Bearer ACCESS".into()));
    assert_eq!(headers[1], ("Refresh-Token".into(), "REFRESH".into()));

    let sign_up = route(&ours, "POST /api/v2/members");
    let missing = sign_up.answer(Outcome::MissingField, Some(Input::Password));
    assert_eq!(
        body_in(missing, 1),
        r#"{"meta":{"ok":false,"code":"INVALID","message":"Please check what you entered.","traceId":"REQUEST"},"data":{"errors":{"FIELD":"REQUIRED"}}}"#
    );
}

#[test]
fn one_path_answers_each_method_by_itself() {
    let ours = ours();
    for (request, operation) in [
        ("GET /api/v2/session", "who_am_i"),
        ("POST /api/v2/session/", "log_in"),
        ("DELETE /api/v2/session", "log_out"),
    ] {
        assert_eq!(route(&ours, request).operation.name(), operation);
    }
}
