//! Fields of a team's own, faults told at once, answers by reason, refresh tokens kept from bodies:
//! what the language says of them, and what it refuses.

use daemun_contract::{Contract, Faults};
use daemun_engine::{
    profile::FieldKind,
    vocabulary::{Failure, Input, Operation, Outcome, Slot},
};

use crate::support::{body, does, parse};

const CAMPUS: &str = include_str!("../../../../contracts/campus-account.toml");

fn with(changes: &[(&str, &str)]) -> Result<Contract, Faults> {
    let mut source = CAMPUS.to_owned();
    for (from, to) in changes {
        assert!(source.contains(from), "{from}");
        source = source.replacen(from, to, 1);
    }
    Contract::parse(&source, "x.toml")
}

/// The contract with `from` replaced by `to` has one fault, that says `what`, and `write` instead.
#[track_caller]
fn one(from: &str, to: &str, what: &str, write: &str) {
    let Err(Faults(faults)) = with(&[(from, to)]) else {
        panic!("no fault")
    };
    let [fault] = &faults[..] else {
        panic!("not one fault: {faults:#?}")
    };
    assert!(fault.what.contains(what), "{fault}");
    assert!(fault.write.contains(write), "{fault}");
}

#[test]
fn fields_are_declared_with_their_type_bounds_and_default() {
    let campus = parse(CAMPUS);
    let fields = &campus.policy.fields;
    let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["profile_img_path", "school", "friends"]);
    let school = FieldKind::Integer {
        min: 1,
        max: 2_147_483_647,
    };
    assert_eq!((fields[1].kind, fields[1].read_only), (school, false));
    assert!(fields[0].default.is_null() && fields[0].read_only);
    assert_eq!(fields[2].default, serde_json::json!([]));
    let register = does(&campus, Operation::SignUp);
    let taken: Vec<String> = register
        .inputs
        .iter()
        .map(|plan| campus.input_name(plan.input))
        .collect();
    assert_eq!(
        taken,
        ["password", "identifier", "nickname", "profile.school"]
    );
    assert!(register.inputs.iter().all(|plan| !plan.optional));
    let shown: Vec<Slot> = register.answer(Outcome::Ok, None).slots().collect();
    assert!(shown.contains(&Slot::AccountProfile(2)));
}

#[test]
fn a_field_that_could_not_hold_is_refused() {
    for (from, to, what, write) in [
        (
            "type = \"url\"",
            "type = \"link\"",
            "cannot be `link`",
            "`url`",
        ),
        ("min = 1\n", "min = \"one\"\n", "no whole number", "min = 1"),
        ("min = 1\n", "least = 1\n", "no key `least`", "min"),
        (
            "default = []",
            "default = [\"a\"]",
            "nothing that the field can hold",
            "null",
        ),
        (
            "default = []",
            "default = 3",
            "nothing that the field can hold",
            "null",
        ),
        (
            "[accounts.fields.friends]",
            "[accounts.fields.Friends]",
            "cannot be called `Friends`",
            "lower-case",
        ),
    ] {
        let faults = with(&[(from, to)]).expect_err("a fault").0;
        let found = faults.iter().find(|fault| fault.what.contains(what));
        let found = found.unwrap_or_else(|| panic!("{to}: {faults:#?}"));
        assert!(found.write.contains(write), "{found}");
    }
    let many: String = (0..15)
        .map(|n| format!("[accounts.fields.f{n}]\ntype = \"boolean\"\n"))
        .collect();
    let first = "[accounts.fields.profile_img_path]";
    one(
        first,
        &format!("{many}{first}"),
        "18 fields are more",
        "16 at most",
    );
}

#[test]
fn s84_no_route_takes_a_field_that_is_read_only() {
    one(
        "\"profile.school\" = \"body.school\"",
        "\"profile.school\" = \"body.school\", \"profile.friends\" = \"body.friends\"",
        "`friends` is read-only",
        "read_only = false",
    );
}

#[test]
fn a_field_that_is_not_declared_is_not_known_anywhere() {
    one(
        "{{account.profile.school}}",
        "{{account.profile.scool}}",
        "no value `account.profile.scool`",
        "{{account.profile.school}}",
    );
    one(
        "[route.on.blank_field.profile.school]",
        "[route.on.blank_field.profile.scool]",
        "no field `scool`",
        "`school`",
    );
    one(
        "\"profile.school\" = \"body.school\" }",
        "\"profile.school\" = \"body.school\", \"profile.scool\" = \"body.x\" }",
        "no input `profile.scool`",
        "`profile.school`",
    );
    // By its place nobody knows one.
    one(
        "{{account.profile.school}}",
        "{{account.profile.#1}}",
        "no value `account.profile.#1`",
        "",
    );
}

#[test]
fn an_invalid_field_needs_its_answer() {
    let faults = with(&[(
        "[route.on.invalid_field.profile.school]\nstatus = 400\njson = '{\"school\":[\"유효하지 않은 pk - 객체가 존재하지 않습니다.\"]}'\n",
        "",
    )]);
    let faults = faults.expect_err("a fault").to_string();
    assert!(faults.contains("has no `status`"), "{faults}");
}

#[test]
fn answers_by_reason_go_before_wider_ones() {
    let campus = parse(CAMPUS);
    let register = does(&campus, Operation::SignUp);
    let school = Input::Profile(1);
    let told =
        |outcome, input, reason| body(register.answer_to(&Failure::at(outcome, input, reason)));
    let invalid = |input, reason| told(Outcome::InvalidField, input, Some(reason));
    assert!(invalid(school, "is_list").contains("list를"));
    assert!(invalid(school, "out_of_range").contains("객체가"));
    assert!(
        invalid(Input::Nickname, "is_list").contains("Not a valid string."),
        "under the wider word"
    );
    assert!(invalid(Input::Nickname, "too_long").contains("100"));
    assert!(invalid(Input::Nickname, "malformed").contains("null 문자"));
    assert!(told(Outcome::MissingField, Input::Identifier, Some("null")).contains("null일"));
    assert!(told(Outcome::MissingField, Input::Identifier, None).contains("필수"));
}

#[test]
fn answers_that_cannot_be_joined_are_refused() {
    let taken = "[route.on.nickname_taken]\nstatus = 400\njson = '{\"nickname\":";
    one(
        taken,
        &taken.replace("400", "409"),
        "has the status 409, and what it may be joined with 400",
        "one status",
    );
    one(
        taken,
        &taken.replace("{\"nickname\"", "{\"email\""),
        "the member `email`, which that of `identifier` has",
        "another name",
    );
    let whole = "[route.on.nickname_taken]\nstatus = 400\njson = '{\"nickname\":[\"my user의 nickname은/는 이미 존재합니다.\"]}'";
    one(
        whole,
        "[route.on.nickname_taken]\nstatus = 400\njson = '[1]'",
        "cannot be joined",
        "a JSON object",
    );
    one(
        whole,
        "[route.on.nickname_taken]\nstatus = 400",
        "cannot be joined",
        "a JSON object",
    );
    one(
        "does = \"log_in\"",
        "does = \"log_in\"\ncollect = true",
        "log_in tells of one fault at a time",
        "sign_up alone",
    );
}

#[test]
fn a_sign_up_without_proof_is_a_switch_and_goes_not_with_concealment() {
    let campus = parse(CAMPUS);
    let switches: Vec<&str> = campus.switches.iter().map(|switch| &*switch.name).collect();
    assert_eq!(
        switches,
        [
            "conceal = false",
            "confirm_address = false",
            "refresh_in_body = true",
            "accept_foreign = true"
        ]
    );
    let faults = with(&[("conceal = false ", "conceal = true ")])
        .expect_err("a fault")
        .0;
    assert!(
        faults
            .iter()
            .any(|fault| fault.what.contains("can be used at once")),
        "{faults:#?}"
    );
    let proved = with(&[("confirm_address = false", "confirm_address = true")]);
    let faults = proved.expect_err("nothing of the account is known yet").0;
    assert!(
        faults[0]
            .what
            .contains("`account.id` is not known in the outcome `ok` of sign_up"),
        "{}",
        faults[0]
    );
}

#[test]
fn a_refresh_token_stands_in_body_and_cookie_knowingly_or_not_at_all() {
    one(
        "refresh_in_body = true\n",
        "",
        "says the refresh token in its body and in a cookie",
        "refresh_in_body = false",
    );
    let kept =
        with(&[("refresh_in_body = true\n", "refresh_in_body = false\n")]).expect("a contract");
    let ok = body(does(&kept, Operation::LogIn).answer(Outcome::Ok, None));
    assert!(ok.ends_with(r#""token":{"access":"ACCESS"}}"#), "{ok}");
    assert!(
        kept.switches
            .iter()
            .all(|switch| !switch.name.contains("refresh_in_body"))
    );
}
