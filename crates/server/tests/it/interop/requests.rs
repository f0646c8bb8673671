//! The requests that both servers get, and how their answers compare.
//!
//! Rows run in order: what an earlier one ended, a later one finds ended. `<…>` stands for a token.

/// What one request is: a name, the request, and how the answers compare.
pub struct Row(pub &'static str, pub Request, pub Compared);

#[derive(Clone, Copy)]
pub struct Request {
    pub method: &'static str,
    pub path: &'static str,
    pub authorization: Option<&'static str>,
    pub content_type: &'static str,
    pub body: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Compared {
    Same,
    /// The same as the frameworks of the document's day; later ones have other words for it. The
    /// document's stand.
    NewerWords,
    /// Not the same, for that reason.
    Differs(&'static str),
}
use Compared::{Differs, NewerWords, Same};

const OWN_WORDS: &str = "the frameworks say where they stopped reading; our words are fixed";
const ONE_ANSWER: &str =
    "no login gives such a token; daemun has one answer to whatever it did not make";
const STRICT: &str = "to daemun null is the same as nothing, and what is no text no token";

#[rustfmt::skip]
pub const GUARD: &[Row] = &[
    Row("no credentials", me(None), NewerWords),
    Row("an empty header", me(Some("")), NewerWords),
    Row("another scheme", me(Some("Basic dXNlcjpwdw==")), NewerWords),
    Row("another scheme, three words", me(Some("Digest a b")), NewerWords),
    Row("a scheme alone", me(Some("Bearer")), Same),
    Row("three words", me(Some("Bearer <access> b")), Same),
    Row("good", me(Some("Bearer <access>")), Same),
    Row("good, the other scheme", me(Some("JWT <access>")), Same),
    Row("good, many spaces", me(Some("Bearer    <access>")), Same),
    Row("good, the scheme in small letters", me(Some("bearer <access>")), Differs("schemes have no case (RFC 9110 §11.1)")),
    Row("good, the user as text", me(Some("Bearer <user_as_text>")), Differs(
        "a token that daemun did not make is believed of accounts that were taken over alone")),
    Row("no token", me(Some("Bearer abc")), Same),
    Row("expired", me(Some("Bearer <expired>")), Same),
    Row("forged", me(Some("Bearer <forged>")), Same),
    Row("unsigned", me(Some("Bearer <unsigned>")), Same),
    Row("of another algorithm", me(Some("Bearer <hs512>")), Same),
    Row("a refresh token", me(Some("Bearer <refresh>")), Same),
    Row("of nobody", me(Some("Bearer <of_nobody>")), Same),
    Row("of a suspended account", me(Some("Bearer <of_suspended>")), Same),
    Row("without exp", me(Some("Bearer <without_exp>")), Differs(ONE_ANSWER)),
    Row("without jti", me(Some("Bearer <without_jti>")), Differs(ONE_ANSWER)),
    Row("without type", me(Some("Bearer <without_type>")), Differs(ONE_ANSWER)),
    Row("without user", me(Some("Bearer <without_user>")), Differs(ONE_ANSWER)),
    Row("another method", Request { method: "POST", ..me(Some("Bearer <access>")) }, NewerWords),
];

#[rustfmt::skip]
pub const LOGIN: &[Row] = &[
    Row("good", login(r#"{"phone":"01000000000","password":"<password>"}"#), Same),
    Row("good, a form", form("/accounts/login/", "phone=01000000000&password=a+few+words+nobody+guesses"), Same),
    Row("wrong password", login(r#"{"phone":"01000000000","password":"wrong"}"#), Same),
    Row("unknown phone", login(r#"{"phone":"01099999999","password":"<password>"}"#), Same),
    Row("suspended", login(r#"{"phone":"01000000001","password":"<password>"}"#), Same),
    Row("no phone", login(r#"{"password":"<password>"}"#), Same),
    Row("a blank phone", login(r#"{"phone":"","password":"<password>"}"#), Same),
    Row("neither", login("{}"), Same),
    Row("nothing", Request { content_type: "", ..login("") }, Same),
    Row("no password", login(r#"{"phone":"01000000000"}"#), Same),
    Row("a blank password", login(r#"{"phone":"01000000000","password":""}"#), Same),
    Row("a bad token in the header", Request { authorization: Some("Bearer abc"), ..login("{}") }, Same),
    Row("an expired token in the header", Request { authorization: Some("Bearer <expired>"), ..login("{}") }, Same),
    Row("a header of three words", Request { authorization: Some("Bearer a b"), ..login("{}") }, Same),
    Row("the token of nobody in the header", Request { authorization: Some("Bearer <of_nobody>"), ..login("{}") }, Same),
    Row("a good token in the header", Request { authorization: Some("Bearer <access>"), ..login("{}") }, Same),
    Row("no JSON", login("{"), Differs(OWN_WORDS)),
    Row("another type", Request { content_type: "text/plain", ..login("{}") }, Same),
    Row("another method", Request { method: "GET", content_type: "", ..login("") }, NewerWords),
];

#[rustfmt::skip]
pub const REFRESH: &[Row] = &[
    Row("missing", refresh("{}"), Same),
    Row("nothing", Request { content_type: "", ..refresh("") }, Same),
    Row("blank", refresh(r#"{"refresh":""}"#), Same),
    Row("spaces", refresh(r#"{"refresh":"  "}"#), Same),
    Row("null", refresh(r#"{"refresh":null}"#), Differs(STRICT)),
    Row("a number", refresh(r#"{"refresh":5}"#), Differs(STRICT)),
    Row("true", refresh(r#"{"refresh":true}"#), Differs(STRICT)),
    Row("a list", refresh(r#"{"refresh":["<refresh>"]}"#), Differs(STRICT)),
    Row("a list for a body", refresh("[]"), Differs(STRICT)),
    Row("no token", refresh(r#"{"refresh":"abc"}"#), Same),
    Row("expired", refresh(r#"{"refresh":"<expired_refresh>"}"#), Same),
    Row("forged", refresh(r#"{"refresh":"<forged_refresh>"}"#), Same),
    Row("an access token", refresh(r#"{"refresh":"<access>"}"#), Same),
    Row("of before daemun came", refresh(r#"{"refresh":"<foreign_refresh>"}"#), Differs(
        "a refresh token needs a session that can be ended: people log in once when daemun comes")),
    Row("of a suspended account", refresh(r#"{"refresh":"<suspended_refresh>"}"#), Differs(
        "SimpleJWT 5.2 goes on refreshing for whoever is shut out")),
    Row("good", refresh(r#"{"refresh":"<refresh>"}"#), Same),
    Row("used again at once", refresh(r#"{"refresh":"<refresh>"}"#), Differs(
        "the browser that has just used it gets the same successor again: tabs and retries are honest")),
    Row("good, a form", form("/accounts/token_refresh/", "refresh=<other_refresh>"), Same),
    Row("good, an expired token in the header", Request { authorization: Some("Bearer <expired>"), ..refresh(r#"{"refresh":"<third_refresh>"}"#) }, Same),
    Row("no JSON", refresh("{"), Differs(OWN_WORDS)),
    Row("another type", Request { content_type: "text/plain", ..refresh("{}") }, Same),
    Row("another method", Request { method: "GET", content_type: "", ..refresh("") }, NewerWords),
];

#[rustfmt::skip]
pub const VERIFY_AND_LOGOUT: &[Row] = &[
    Row("verify an access token", verify(r#"{"token":"<last_access>"}"#), Same),
    Row("verify a refresh token", verify(r#"{"token":"<last_refresh>"}"#), Same),
    Row("verify nothing", verify("{}"), Same),
    Row("verify a blank", verify(r#"{"token":""}"#), Same),
    Row("verify no token", verify(r#"{"token":"abc"}"#), Same),
    Row("verify an expired token", verify(r#"{"token":"<expired>"}"#), Same),
    Row("verify an expired refresh token", verify(r#"{"token":"<expired_refresh>"}"#), Same),
    Row("verify a forged token", verify(r#"{"token":"<forged>"}"#), Same),
    Row("verify the token of nobody", verify(r#"{"token":"<of_nobody>"}"#), Differs(
        "SimpleJWT's verification looks at no account")),
    Row("verify, a bad token in the header", Request { authorization: Some("Bearer abc"), ..verify(r#"{"token":"<last_access>"}"#) }, Differs(
        "the document warns of the 401 for a bad token on routes that need none; of SimpleJWT's own views it is not true")),
    Row("logout of nothing", logout("{}"), Same),
    Row("logout of a blank", logout(r#"{"refresh":""}"#), Same),
    Row("logout of no token", logout(r#"{"refresh":"abc"}"#), Same),
    Row("logout of an access token", logout(r#"{"refresh":"<last_access>"}"#), Same),
    Row("logout", logout(r#"{"refresh":"<last_refresh>"}"#), Same),
    Row("logout again", logout(r#"{"refresh":"<last_refresh>"}"#), Same),
    Row("refresh after logout", refresh(r#"{"refresh":"<last_refresh>"}"#), Same),
    Row("verify the refresh token after logout", verify(r#"{"token":"<last_refresh>"}"#), Differs(
        "SimpleJWT answers 400 in English here; daemun as everywhere else")),
    Row("the access token after logout", me(Some("Bearer <last_access>")), Differs(
        "with SimpleJWT it works until it expires")),
];

const fn me(authorization: Option<&'static str>) -> Request {
    Request {
        method: "GET",
        path: "/accounts/me/",
        authorization,
        content_type: "",
        body: "",
    }
}

const fn login(body: &'static str) -> Request {
    post("/accounts/login/", body)
}

const fn refresh(body: &'static str) -> Request {
    post("/accounts/token_refresh/", body)
}

const fn verify(body: &'static str) -> Request {
    post("/accounts/token_verify/", body)
}

const fn logout(body: &'static str) -> Request {
    post("/accounts/logout/", body)
}

const fn post(path: &'static str, body: &'static str) -> Request {
    Request {
        method: "POST",
        path,
        authorization: None,
        content_type: "application/json",
        body,
    }
}

const fn form(path: &'static str, body: &'static str) -> Request {
    Request {
        content_type: "application/x-www-form-urlencoded",
        ..post(path, body)
    }
}
