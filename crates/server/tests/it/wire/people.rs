//! People: accounts, codes that reached them, and logins through each contract.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use serde_json::{Value, json};

use super::call::{cookies, post};
use crate::harness::{Daemun, send};

/// Good under every contract.
pub const PASSWORD: &str = "a few words nobody guesses";
pub const EMAIL: &str = "mina@example.com";
pub const PHONE: &str = "01012345678";

/// What a login gave: tokens, or, under `email-cookie`, the values of the cookies that hold them.
#[derive(Clone, PartialEq)]
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

/// Makes an account that can be used at once. An address is what has an `@`.
pub fn account(daemun: &Daemun, address: &str, nickname: &str) -> i64 {
    account_with(
        daemun,
        address,
        PASSWORD,
        &["--nickname", nickname, "--verified"],
    )
}

/// Makes an account as `more` has it.
pub fn account_with(daemun: &Daemun, address: &str, password: &str, more: &[&str]) -> i64 {
    let kind = if address.contains('@') {
        "--email"
    } else {
        "--phone"
    };
    let create = [
        "account",
        "create",
        kind,
        address,
        "--password-stdin",
        "--json",
    ];
    let made = daemun
        .run_with(&[&create, more].concat(), password)
        .expect(0)
        .json();
    made["id"].as_i64().expect("an id")
}

/// Takes an account over from a former back end: the members of a row, its number among them. Its
/// password is hashed as Django does.
pub fn taken_over(daemun: &Daemun, mut row: Value) -> i64 {
    let salt = "aSalt";
    let mut digest = [0; 32];
    let rounds = NonZeroU32::new(1_000).expect("a number");
    let (salted, password) = (salt.as_bytes(), PASSWORD.as_bytes());
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        salted,
        password,
        &mut digest,
    );
    let digest = base64_simd::STANDARD.encode_to_string(digest);
    row["password"] = format!("pbkdf2_sha256$1000${salt}${digest}").into();
    if row["is_active"].is_null() {
        row["is_active"] = true.into();
    }
    let file = daemun.folder().join("accounts.jsonl");
    std::fs::write(&file, format!("{row}\n")).expect("a file");
    let file = file.to_str().expect("text");
    let import = ["migrate", "import", "--jsonl", file];
    let import = [&import[..], &["--inactive", "unverified", "--apply"]].concat();
    daemun.run(&import).expect(0);
    row["id"].as_i64().expect("an id")
}

/// Logs in through `native`, tokens in the body.
pub async fn native(daemun: &Daemun, address: &str) -> Pair {
    let kind = if address.contains('@') {
        "email"
    } else {
        "phone"
    };
    let login = json!({ kind: address, "password": PASSWORD });
    native_pair(&daemun.post("/v1/session", login).await.expect(200).json())
}

/// The pair in an answer of `native`.
pub fn native_pair(answer: &Value) -> Pair {
    Pair {
        access: text(&answer["access_token"]),
        refresh: text(&answer["refresh_token"]),
    }
}

/// Logs in through `phone-pair`.
pub async fn phone_pair(daemun: &Daemun, phone: &str) -> Pair {
    let login = json!({ "phone": phone, "password": PASSWORD });
    let answer = daemun
        .post("/accounts/login/", login)
        .await
        .expect(201)
        .json();
    pair(&answer["token"])
}

/// The pair in an answer of `phone-pair`.
pub fn pair(answer: &Value) -> Pair {
    Pair {
        access: text(&answer["access"]),
        refresh: text(&answer["refresh"]),
    }
}

/// Logs in through `email-cookie`.
pub async fn email_cookie(daemun: &Daemun, email: &str) -> Pair {
    let login = json!({ "email": email, "password": PASSWORD });
    let answer = daemun.post("/api/accounts/login/", login).await.expect(200);
    cookie_pair(&answer)
}

/// The pair that an answer of `email-cookie` sets.
#[track_caller]
pub fn cookie_pair(answer: &crate::harness::Answer) -> Pair {
    let set = cookies(answer);
    let value = |name: &str| {
        let cookie = set.iter().find(|cookie| cookie.name == name);
        cookie
            .unwrap_or_else(|| panic!("no {name}: {answer:?}"))
            .value
            .clone()
    };
    Pair {
        access: value("access_token"),
        refresh: value("refresh_token"),
    }
}

/// The code in the newest message to an address, once there is another than `before`.
pub async fn code_after(daemun: &Daemun, address: &str, before: &Value) -> (String, Value) {
    let letter = daemun.letter_after(address, before).await;
    let words = letter["text"].as_str().expect("a text").split([' ', '\n']);
    let is_code = |word: &&str| {
        word.len() == 6
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let code = words.into_iter().find(is_code).expect("a code").to_owned();
    (code, letter)
}

/// The code in the first message to an address.
pub async fn code(daemun: &Daemun, address: &str) -> String {
    code_after(daemun, address, &Value::Null).await.0
}

/// What the guard of each contract says: 200, or how it refuses.
pub struct Guards;

impl Guards {
    pub async fn native(daemun: &Daemun, access: &str) -> u16 {
        daemun.get_as(access, "/v1/accounts/me").await.status
    }

    pub async fn phone_pair(daemun: &Daemun, access: &str) -> u16 {
        daemun.get_as(access, "/accounts/me/").await.status
    }

    pub async fn email_cookie(daemun: &Daemun, access: &str) -> u16 {
        let request = super::call::get(daemun, "/api/accounts/me/");
        send(super::call::with_cookies(
            request,
            &[("access_token", access)],
        ))
        .await
        .status
    }
}

/// Refreshes through `phone-pair`.
pub async fn refresh(daemun: &Daemun, token: &str) -> crate::harness::Answer {
    daemun
        .post("/accounts/token_refresh/", json!({ "refresh": token }))
        .await
}

/// Refreshes through `native`, the token in the body.
pub async fn refresh_native(daemun: &Daemun, token: &str) -> crate::harness::Answer {
    daemun
        .post("/v1/session/refresh", json!({ "refresh_token": token }))
        .await
}

/// Refreshes through `email-cookie`.
pub async fn refresh_cookie(daemun: &Daemun, cookie: &str) -> crate::harness::Answer {
    let request = post(daemun, "/api/accounts/token/refresh/", &json!({}));
    send(super::call::with_cookies(
        request,
        &[("refresh_token", cookie)],
    ))
    .await
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}
