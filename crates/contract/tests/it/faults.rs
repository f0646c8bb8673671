//! What is wrong with a file is said: each kind of fault by itself, at its line, without others in
//! its wake; and all of them at once.

use daemun_contract::{Contract, Fault, clashes};

use crate::support::parse;

const SOUND: &str = include_str!("minimal.toml");

fn faults(source: &str) -> Vec<Fault> {
    match Contract::parse(source, "contracts/x.toml") {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0,
    }
}

/// With `from` replaced by `to`, there is one fault: in the line that holds `at`, saying `what`,
/// and `write` instead.
fn one(from: &str, to: &str, at: &str, what: &str, write: &str) {
    assert_eq!(SOUND.matches(from).count(), 1, "`{from}` must stand once");
    let source = SOUND.replace(from, to);
    let line = source.lines().position(|line| line.contains(at)).unwrap() + 1;
    let faults = faults(&source);
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 1, "{to}: {shown:#?}");
    let fault = &faults[0];
    assert_eq!(fault.file, "contracts/x.toml");
    assert_eq!(fault.line, line, "{shown:#?}");
    assert!(fault.what.contains(what), "{shown:#?}");
    assert!(fault.write.contains(write), "{shown:#?}");
}

#[test]
fn the_file_the_others_are_made_from_is_sound() {
    parse(SOUND);
}

#[test]
fn a_fault_is_shown_with_file_line_and_what_to_write() {
    let source = SOUND
        .replace("[route.on.not_found]\nstatus = 404\n", "")
        .replace("missing_field = \"not_found\"\n", "");
    let error = Contract::parse(&source, "contracts/x.toml").unwrap_err();
    let line = source
        .lines()
        .position(|line| line.contains("end_session"))
        .unwrap()
        + 1;
    let text = error.to_string();
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(
        paragraphs,
        ["missing_field", "not_found"].map(|outcome| format!(
            "contracts/x.toml:{line}: outcome `{outcome}` of end_session has no answer. Write: [route.on.{outcome}] with a status and a body"
        ))
    );
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    one(
        "[accounts]\n",
        "[acounts]\n",
        "[acounts]",
        "the file has no key `acounts`",
        "`accounts`",
    );
    one(
        "name = \"small\"",
        "name = \"small\"\nnmae = 1",
        "nmae",
        "no key `nmae`",
        "`name`",
    );
    one(
        "keep = \"30d\"",
        "keep = \"30d\"\ngrase = \"1s\"",
        "grase",
        "[sessions] has no key",
        "`grace`",
    );
    one(
        "same_site = \"Lax\"",
        "same_site = \"Lax\"\nsecret = true",
        "secret",
        "[cookies.refresh] has no key",
        "`secure`",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\nkidd = true",
        "kidd",
        "[tokens.access] has no key",
        "`kid`",
    );
    one(
        "get = \"/me\"",
        "get = \"/me\"\nmethod = \"GET\"",
        "method = ",
        "[[route]] has no key `method`",
        "`",
    );
    one(
        "status = 404",
        "status = 404\nstauts = 1",
        "stauts",
        "no key `stauts`",
        "`status`",
    );
    one(
        "oops = \"앗\"",
        "oops = \"앗\"\n[texts.ja]\noops = \"x\"",
        "[texts.ja]",
        "no key `ja`",
        "`ko`",
    );
    one(
        "subject = \"Your code\"",
        "subject = \"Your code\"\nhtml = \"x\"",
        "html",
        "no key `html`",
        "`",
    );
}

#[test]
fn unknown_words_are_refused_with_the_ones_there_are() {
    one(
        "does = \"who_am_i\"",
        "does = \"whoami\"",
        "whoami",
        "no operation `whoami`",
        "`who_am_i`",
    );
    one(
        "[route.on.not_found]\nstatus = 404",
        "[route.on.not_found]\nstatus = 404\n[route.on.gone]\nstatus = 404",
        "on.gone]",
        "no outcome `gone`",
        "`",
    );
    one(
        "busy = \"bad_request\"",
        "busy = \"bad_requst\"",
        "bad_requst",
        "no outcome `bad_requst`",
        "`bad_request`",
    );
    one(
        "keep = \"body.keep\"",
        "keap = \"body.keep\"",
        "keap",
        "log_in has no input `keap`",
        "`keep`",
    );
    one(
        "\"body.password\"",
        "\"bodi.password\"",
        "bodi.password",
        "`bodi.password` is no place in a request",
        "body.NAME",
    );
    one(
        "X-Token = \"{{access}}\"",
        "X-Token = \"{{acces}}\"",
        "{{acces}}",
        "no value `acces`",
        "`{{access}}`",
    );
    one(
        "{{text.oops}}",
        "{{text.ooops}}",
        "{{text.ooops}}",
        "there is no text `ooops`",
        "`{{text.oops}}`",
    );
}

#[test]
fn a_text_must_have_words_in_every_language() {
    one(
        "oops = \"앗\"",
        "",
        "{{text.oops}}",
        "the text `oops` has no words in `ko`",
        "[texts.ko]",
    );
}

#[test]
fn every_outcome_must_be_answered() {
    one(
        "suspended = \"wrong_password\"\n",
        "",
        "does = \"log_in\"",
        "outcome `suspended` of log_in has no answer",
        "[route.on.suspended]",
    );
    one(
        "revoked = \"missing_token\"\n",
        "",
        "[guard]",
        "outcome `revoked` of the guard has no answer",
        "[guard.on.revoked]",
    );
    one(
        "[route.on.missing_field]",
        "[route.on.missing_field.identifier]",
        "[route.on.missing_field.identifier]",
        "answers for some inputs and not for `password`",
        "missing_field.password]",
    );
    one(
        "busy = \"bad_request\"\n",
        "",
        "does = \"log_in\"",
        "outcome `busy` of log_in",
        "[route.on.busy]",
    );
    one(
        "too_large = \"bad_request\"\n",
        "",
        "[on]",
        "`too_large`, in which any request can end",
        "[on.too_large]",
    );
}

#[test]
fn an_alias_must_lead_to_an_answer() {
    one(
        "unavailable = \"internal\"",
        "unavailable = \"anonymous\"",
        "unavailable = ",
        "answered as `anonymous`, which has no answer",
        "unavailable = ",
    );
}

#[test]
fn an_outcome_must_belong_to_its_operation() {
    one(
        "[route.on.not_found]\nstatus = 404",
        "[route.on.not_found]\nstatus = 404\n[route.on.weak_password]\nstatus = 404",
        "weak_password",
        "end_session never ends in `weak_password`",
        "`",
    );
    one(
        "[guard.on.missing_token]",
        "[guard.on.anonymous]\nstatus = 401\n[guard.on.missing_token]",
        "anonymous",
        "the guard never ends in `anonymous`",
        "`",
    );
}

#[test]
fn a_value_must_be_known_where_it_is_shown() {
    one(
        "{\"missing\":\"{{field}}\"}",
        "{\"missing\":\"{{access}}\"}",
        "{\"missing\"",
        "`access` is not known in the outcome `missing_field`",
        "field",
    );
    one(
        "[route.on.not_found]\nstatus = 404",
        "[route.on.not_found]\nstatus = 404\nheaders = { Retry-After = \"{{retry_after}}\" }",
        "Retry-After",
        "`retry_after` is not known in the outcome",
        "request.id",
    );
    one(
        "{\"id\":\"{{account.id}}\"}",
        "{\"id\":\"{{refresh}}\"}",
        "{\"id\":\"{{refresh",
        "`refresh` is not known in the outcome `ok` of who_am_i",
        "account.id",
    );
    one(
        "status = 404",
        "status = 404\nset_cookies = { refresh = \"x\" }",
        "set_cookies = { refresh = \"x\"",
        "`refresh.expires_in` is not known in the outcome `not_found`",
        "now",
    );
}

#[test]
fn an_answer_that_serves_another_outcome_must_not_show_more_than_that_knows() {
    one(
        "suspended = \"wrong_password\"",
        "suspended = \"missing_field\"",
        "suspended = \"missing_field\"",
        "the answer to `missing_field` shows `field`, which is not known in the outcome `suspended`",
        "now",
    );
}

#[test]
fn inputs_must_fit_the_operation() {
    one(
        "password = \"body.password\", ",
        "",
        "takes = { identifier",
        "log_in takes no `password`",
        "body.password",
    );
    one(
        "does = \"log_in\"",
        "does = \"log_in\"\nrequired = \"nickname\"",
        "required",
        "log_in does not take `nickname`",
        "`",
    );
    one(
        "keep = \"30d\"\n",
        "",
        "post = \"/login\"",
        "nothing says for how long",
        "keep = \"30d\" in [sessions]",
    );
    one(
        "[route.on.missing_field]\n",
        "[route.on.missing_field.code]\nstatus = 400\n[route.on.missing_field]\n",
        "[route.on.missing_field.code]",
        "log_in takes no `code`",
        "`password`",
    );
}

#[test]
fn routes_must_not_clash() {
    let again = "[[route]]\nget = \"/me/\"\ndoes = \"who_am_i\"\n[route.on.ok]\nstatus = 204\n\n[messages.confirm_address.en]";
    one(
        "[messages.confirm_address.en]",
        again,
        "get = \"/me/\"",
        "GET /me/ is the route of line",
        "another path",
    );
    let again = "[[route]]\ndelete = \"/sessions/{session}\"\ndoes = \"log_out\"\n[route.on.ok]\nstatus = 204\n\n[messages.confirm_address.en]";
    one(
        "[messages.confirm_address.en]",
        again,
        "delete = \"/sessions/{session}\"",
        "is the route of line",
        "another path",
    );
    one(
        "get = \"/me\"",
        "get = \"/me\"\nalso = \"/me/\"",
        "get = \"/me\"",
        "stands twice in one route",
        "once",
    );
}

#[test]
fn s55_a_get_must_not_write_and_has_no_body() {
    one(
        "post = \"/login\"\ndoes = \"log_in\"\ntakes = { identifier = \"body.email\", password = \"body.password\", keep = \"body.keep\" }",
        "get = \"/login\"\ndoes = \"log_in\"\ntakes = { identifier = \"header.X-A\", password = \"header.X-B\" }",
        "get = \"/login\"",
        "a GET must not",
        "post = ",
    );
    one(
        "get = \"/me\"\ndoes = \"who_am_i\"\n\n[route.on.ok]\nstatus = 200\njson = '{\"id\":\"{{account.id}}\"}'",
        "get = \"/me\"\ndoes = \"check_token\"\ntakes = { token = \"body.token\" }\n[route.on]\nmissing_field = \"ok\"\ninvalid_token = \"ok\"\nexpired = \"ok\"\nrevoked = \"ok\"\n[route.on.ok]\nstatus = 204",
        "takes = { token",
        "a GET has no body",
        "another method",
    );
}

#[test]
fn s45_secrets_do_not_stand_in_the_query() {
    one(
        "password = \"body.password\"",
        "password = \"query.password\"",
        "query.password",
        "a password in the query",
        "body.password",
    );
}

#[test]
fn a_path_must_be_one() {
    for (path, why) in [
        ("me", "does not begin with `/`"),
        ("/a//b", "a part ``"),
        ("/a/../b", "a part `..`"),
        ("/a b", "a part `a b`"),
        ("/{}", "a parameter `{}`"),
        ("/{a}/{a}", "names the parameter `{a}` twice"),
        ("/me?x=1", "a part `me?x=1`"),
    ] {
        one(
            "get = \"/me\"",
            &format!("get = \"{path}\""),
            "get = ",
            why,
            "/v1/sessions/{id}",
        );
    }
    one(
        "session_id = \"path.id\"",
        "session_id = \"path.key\"",
        "path.key",
        "has no parameter `key`",
        "`{key}` in the path",
    );
    one(
        "post = \"/login\"\n",
        "",
        "[[route]]",
        "no method and path",
        "post = ",
    );
}

#[test]
fn statuses_and_headers_must_be_sound() {
    one(
        "status = 404",
        "status = 199",
        "status = 199",
        "no whole number from 200 to 999",
        "status = 200",
    );
    one(
        "status = 404",
        "status = 1000",
        "status = 1000",
        "no whole number from 200 to 999",
        "status",
    );
    one(
        "status = 404",
        "status = 205\njson = '{}'",
        "[route.on.not_found]",
        "an answer of status 205 has no body",
        "no body",
    );
    one(
        "status = 404",
        "json = '{}'",
        "[route.on.not_found]",
        "[route.on.not_found] has no `status`",
        "status = 400",
    );
    one(
        "status = 404",
        "status = 404\njson = '{}'\ntype = \"json\"",
        "type = \"json\"",
        "`json` is no content type",
        "application/json",
    );
}

#[test]
fn s57_a_header_cannot_break_its_line() {
    one(
        "X-Token = \"{{access}}\"",
        "X-Token = \"a\\r\\nSet-Cookie: b\"",
        "X-Token",
        "cannot stand in a header",
        "visible ASCII",
    );
    one(
        "X-Token = \"{{access}}\"",
        "\"X-T\\r\\n\" = \"a\"",
        "X-T",
        "is no name of a header",
        "letters",
    );
    one(
        "X-Token = \"{{access}}\"",
        "Set-Cookie = \"a=b\"",
        "Set-Cookie",
        "not the contract's to set",
        "set_cookies",
    );
    one(
        "X-Token = \"{{access}}\"",
        "X-Token = \"안녕\"",
        "X-Token",
        "cannot stand in a header",
        "visible ASCII",
    );
}

#[test]
fn s46_cookies_must_be_what_browsers_accept() {
    let cookie = "[cookies.refresh]\nsame_site = \"Lax\"";
    one(
        cookie,
        "[cookies.refresh]\nsame_site = \"None\"",
        "[cookies.refresh]",
        "SameSite=None",
        "secure = \"always\"",
    );
    one(
        "status = 404",
        "status = 404\nclear_cookies = \"refersh\"",
        "refersh",
        "no cookie `refersh`",
        "`refresh`",
    );
    one(
        "max_age = \"refresh\"\n",
        "",
        "[cookies.refresh]",
        "no `max_age`",
        "max_age = ",
    );
    one(
        "same_site = \"Lax\"",
        "same_site = \"lax\"",
        "lax",
        "cannot be `lax`",
        "`Lax`",
    );
    one(
        "same_site = \"Lax\"",
        "path = \"a; Domain=evil\"",
        "evil",
        "a cookie's path cannot be",
        "path = \"/\"",
    );
    let host = "[cookies.__Host-x]\nmax_age = \"1d\"\nsecure = \"always\"\npath = \"/a\"\n[cookies.refresh]";
    one(
        "[cookies.refresh]",
        host,
        "[cookies.__Host-x]",
        "unless its path is `/`",
        "path = \"/\"",
    );
    let host = "[cookies.__HOST-x]\nmax_age = \"1d\"\n[cookies.refresh]";
    one(
        "[cookies.refresh]",
        host,
        "[cookies.__HOST-x]",
        "unless it is always Secure",
        "secure = \"always\"",
    );
    one(
        "set_cookies = { refresh = \"{{refresh}}\" }",
        "set_cookies = { refresh = \"{{refresh}}\" }\nclear_cookies = \"refresh\"",
        "clear_cookies",
        "set or cleared twice",
        "once",
    );
}

#[test]
fn s48_no_cookie_may_live_longer_than_400_days() {
    one(
        "max_age = \"refresh\"",
        "max_age = \"401d\"",
        "401d",
        "longer than 400 days",
        "400d",
    );
    one(
        "lifetime = \"1d\"",
        "lifetime = \"401d\"",
        "401d",
        "longer than 400 days",
        "400d",
    );
}

#[test]
fn json_that_is_none_is_shown_with_its_column() {
    let source = SOUND.replace(
        "  \"id\": \"{{account.id}}\",\n",
        "  \"id\": {{account.id}},\n",
    );
    let fault = &faults(&source)[0];
    let line = source
        .lines()
        .position(|line| line.contains("\"id\": {{"))
        .unwrap()
        + 1;
    assert_eq!((fault.line, fault.column), (line, Some(10)));
    assert!(fault.what.starts_with("this is no JSON"), "{fault}");
    assert!(
        fault.write.contains("quotes around each placeholder"),
        "{fault}"
    );
    one(
        "{\"id\":\"{{account.id}}\"}",
        "{\"id\":1,\"id\":2}",
        "{\"id\":1",
        "the member `id` stands twice",
        "valid JSON",
    );
    one(
        "{\"missing\":\"{{field}}\"}",
        "{\"missing\":\"{{field\"}",
        "{{field\"",
        "has a `{{` without its `}}`",
        "}}",
    );
}

#[test]
fn toml_that_is_none_is_shown_with_its_line() {
    one(
        "[sessions]",
        "[sessions",
        "[sessions",
        "this is no TOML",
        "valid TOML",
    );
    one(
        "keep = \"30d\"",
        "keep = \"30d\"\nkeep = \"31d\"",
        "keep = \"31d\"",
        "this is no TOML: duplicate key",
        "valid TOML",
    );
}

#[test]
fn durations_and_numbers_must_be_sound() {
    for bad in ["5", "5 m", "-5m", "1h30m", "0s", "9999999999w"] {
        one(
            "lifetime = \"5m\"",
            &format!("lifetime = \"{bad}\""),
            "lifetime = ",
            "is no duration",
            "such as \"5m\"",
        );
    }
    one(
        "lifetime = \"5m\"",
        "lifetime = 5",
        "lifetime = 5",
        "is an integer, not a string",
        "lifetime = ",
    );
    one(
        "conceal = true",
        "conceal = true\npassword_min = 7",
        "password_min",
        "no whole number from 8 to 128",
        "password_min = 8",
    );
    one(
        "[sessions]",
        "[codes]\ntries = 100\n[sessions]",
        "tries",
        "no whole number from 1 to 10",
        "tries = ",
    );
    one(
        "[sessions]",
        "[codes]\nlifetime = \"2d\"\n[sessions]",
        "lifetime = \"2d\"",
        "a day at most",
        "1h",
    );
}

#[test]
fn tokens_must_be_sound() {
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\nalgorithm = \"HS256\"",
        "algorithm",
        "the key `signing` cannot sign with HS256",
        "`EdDSA`",
    );
    one(
        "lifetime = \"1d\"",
        "lifetime = \"1d\"\nalgorithm = \"EdDSA\"",
        "algorithm",
        "the key `internal` cannot sign with EdDSA",
        "`HS256`",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\nkey = \"legacy\"\nalgorithm = \"EdDSA\"",
        "algorithm",
        "the key `legacy` cannot sign",
        "`HS256`",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\nalgorithm = \"none\"",
        "algorithm",
        "cannot be `none`",
        "`HS256`",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\naccept_foreign = true",
        "accept_foreign",
        "the team's own secret, and this kind is not",
        "key = \"legacy\"",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\nkey = \"legacy\"\naccept_foreign = \"listed\"",
        "accept_foreign",
        "nobody lists access tokens",
        "accept_foreign = true",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"1d\"\nkey = \"legacy\"\naccept_foreign = true",
        "accept_foreign",
        "would pass for an access token",
        "token_type",
    );
    one(
        "lifetime = \"5m\"",
        "lifetime = \"5m\"\ntyp = \"a\\r\\nb\"",
        "typ = ",
        "`typ` cannot be",
        "at+jwt",
    );
}

#[test]
fn claims_must_be_sound() {
    let claims = "lifetime = \"5m\"\nclaims = { sub = \"{{account.id_text}}\", exp = \"{{exp}}\", iat = \"{{iat}}\" }";
    let with = |claims: &str| format!("lifetime = \"5m\"\nclaims = {{ {claims} }}");
    let sound = "sub = \"{{account.id_text}}\", exp = \"{{exp}}\", iat = \"{{iat}}\"";
    for (bad, what, write) in [
        (
            format!("{sound}, gen = 1"),
            "`gen` is daemun's own",
            "another name",
        ),
        (
            format!("{sound}, id = \"x{{{{jti}}}}\""),
            "mixes a value with other text",
            "the value alone",
        ),
        (
            format!("{sound}, id = \"{{{{jtii}}}}\""),
            "a claim cannot be `jtii`",
            "`jti`",
        ),
        (
            "sub = \"{{account.id_text}}\", exp = \"{{exp}}\"".into(),
            "must say `iat`",
            "iat = \"{{iat}}\"",
        ),
        (
            "sub = \"{{account.id_text}}\", exp = 1, iat = \"{{iat}}\"".into(),
            "must say `exp`",
            "exp = \"{{exp}}\"",
        ),
        (
            "exp = \"{{exp}}\", iat = \"{{iat}}\"".into(),
            "says whose it is",
            "{{account.id}}",
        ),
    ] {
        one(claims, &with(&bad), "claims = ", what, write);
    }
}

#[test]
fn s21_personal_data_cannot_be_a_claim() {
    for personal in ["email", "phone", "nickname"] {
        let claims = format!("claims = {{ mail = \"{{{{account.{personal}}}}}\", sub");
        one(
            "lifetime = \"5m\"\nclaims = { sub",
            &format!("lifetime = \"5m\"\n{claims}"),
            "claims = ",
            "is personal data",
            "{{account.id}}",
        );
    }
}

#[test]
fn guards_must_be_there_where_they_are_needed() {
    one(
        "get = \"/me\"",
        "get = \"/me\"\nguard = \"off\"",
        "guard = \"off\"",
        "who_am_i must know whom the request is from",
        "required",
    );
    one(
        "takes = \"header.Authorization Bearer\"",
        "takes = \"body.token\"",
        "takes = \"body.token\"",
        "from a header or a cookie",
        "header.Authorization",
    );
    let none: String = SOUND
        .lines()
        .skip_while(|line| *line != "[on]")
        .collect::<Vec<_>>()
        .join("\n");
    let head: String = SOUND
        .lines()
        .take_while(|line| *line != "[guard]")
        .collect::<Vec<_>>()
        .join("\n");
    let faults = faults(&format!("{head}\n{none}"));
    assert_eq!(faults.len(), 2);
    assert!(
        faults[0].what.contains("who_am_i needs a guard"),
        "{}",
        faults[0]
    );
    assert!(
        faults[1].what.contains("end_session needs a guard"),
        "{}",
        faults[1]
    );
}

#[test]
fn s79_concealing_means_answering_alike() {
    one(
        "unknown_account = \"wrong_password\"",
        "unknown_account = \"bad_request\"",
        "post = \"/login\"",
        "exactly as `wrong_password`",
        "conceal = false",
    );
    one(
        "conceal = true",
        "conceal = true\nstatus_first = true",
        "status_first",
        "`conceal` forbids that",
        "status_first = false",
    );
}

#[test]
fn shapes_and_their_values_must_fit() {
    one(
        "with = { code = \"bad\" }",
        "with = { kode = \"bad\", code = \"bad\" }",
        "kode",
        "has no `{{with.kode}}`",
        "`code`",
    );
    one(
        "with = { code = \"bad\" }",
        "with = { }",
        "with = { }",
        "the shape asks for `code`",
        "code = ",
    );
    one(
        "shape = \"error\"",
        "shape = \"eror\"",
        "eror",
        "no shape `eror`",
        "`error`",
    );
    one(
        "shape = \"error\"\nwith = { code = \"bad\" }",
        "shape = \"error\"\nwith = { code = \"bad\" }\njson = '{}'",
        "[on.bad_request]",
        "more than one body",
        "one of",
    );
    one(
        "{\"error\":\"{{text.oops}}\"}",
        "{\"error\":\"{{with.oops}}\"}",
        "{{with.oops}}",
        "a shape only",
        "the value itself",
    );
}

#[test]
fn messages_must_tell_their_code() {
    one(
        "It is {{code}}.",
        "It is nothing.",
        "It is nothing",
        "does not tell the code",
        "{{code}}",
    );
    one(
        "It is {{code}}.",
        "It is {{code}}, {{nickname}}.",
        "It is",
        "cannot show `nickname`",
        "`",
    );
    one(
        "subject = \"Your code\"",
        "subject = \"Your\\r\\nBcc: x\"",
        "Bcc",
        "control characters",
        "one line",
    );
    one(
        "subject = \"Your code\"\n",
        "",
        "[messages.confirm_address.en]",
        "a subject and a text",
        "both",
    );
}

#[test]
fn what_a_switch_lifts_is_listed() {
    let switches = |source: &str| {
        let contract = parse(source);
        let switches = contract.switches.iter();
        switches
            .map(|switch| (switch.name.to_string(), switch.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(switches(SOUND), []);
    let open = SOUND.replace("conceal = true", "conceal = false\nstatus_first = true");
    let open = open.replace(
        "max_age = \"refresh\"",
        "max_age = \"refresh\"\nhttp_only = false",
    );
    let line = |at: &str| open.lines().position(|line| line.contains(at)).unwrap() + 1;
    assert_eq!(
        switches(&open),
        [
            ("conceal = false".to_owned(), line("conceal")),
            ("status_first = true".to_owned(), line("status_first")),
            ("http_only = false".to_owned(), line("[cookies.refresh]")),
        ]
    );
}

#[test]
fn contracts_that_answer_the_same_requests_clash() {
    let one = parse(SOUND);
    let other = parse(
        &SOUND
            .replace("\"small\"", "\"other\"")
            .replace("/login", "/enter/")
            .replace("{id}", "{sid}")
            .replace("path.id", "path.sid"),
    );
    let faults = clashes(&[&one, &other]).unwrap_err();
    let shown = faults.to_string();
    assert_eq!(faults.0.len(), 2, "{shown}");
    assert!(
        shown.contains("GET /me is a route of contract `small` too"),
        "{shown}"
    );
    assert!(
        shown.contains("DELETE /sessions/{sid} is a route of contract `small` too"),
        "{shown}"
    );
    let apart = parse(
        &SOUND
            .replace("\"small\"", "\"other\"")
            .replace("= \"/", "= \"/other/"),
    );
    clashes(&[&one, &apart]).unwrap();
}

#[test]
fn all_faults_of_a_file_are_told_at_once() {
    let source = include_str!("faulty.toml");
    let error = Contract::parse(source, "contracts/faulty.toml").unwrap_err();
    insta::assert_snapshot!("faulty", error.to_string());
    // Each line that is marked has a fault, and no other line.
    let marked: Vec<usize> = source
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("# wrong"))
        .map(|(nth, _)| nth + 1)
        .collect();
    let mut told: Vec<usize> = error.0.iter().map(|fault| fault.line).collect();
    told.dedup();
    assert_eq!(told, marked);
}
