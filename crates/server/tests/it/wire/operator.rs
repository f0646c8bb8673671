//! What an operator does from the command line beside a running server, seen at the very next
//! request of each contract; and what `session why` then tells.

use serde_json::{Value, json};

use super::{
    call::problem,
    forge::{claims, unsigned},
    people::{
        EMAIL, Guards, PASSWORD, PHONE, Pair, account, email_cookie, native, phone_pair, refresh,
        refresh_cookie, refresh_native,
    },
};
use crate::harness::{Daemun, send};

/// The sessions of two people, through all contracts.
struct Sessions {
    by_mail: Pair,
    by_cookie: Pair,
    by_phone: Pair,
    by_phone_native: Pair,
}

impl Sessions {
    async fn open(daemun: &Daemun) -> Self {
        Self {
            by_mail: native(daemun, EMAIL).await,
            by_cookie: email_cookie(daemun, EMAIL).await,
            by_phone: phone_pair(daemun, PHONE).await,
            by_phone_native: native(daemun, PHONE).await,
        }
    }

    async fn guards(&self, daemun: &Daemun) -> [u16; 4] {
        [
            Guards::native(daemun, &self.by_mail.access).await,
            Guards::email_cookie(daemun, &self.by_cookie.access).await,
            Guards::phone_pair(daemun, &self.by_phone.access).await,
            Guards::native(daemun, &self.by_phone_native.access).await,
        ]
    }

    async fn refreshes(&self, daemun: &Daemun) -> [u16; 4] {
        [
            refresh_native(daemun, &self.by_mail.refresh).await.status,
            refresh_cookie(daemun, &self.by_cookie.refresh).await.status,
            refresh(daemun, &self.by_phone.refresh).await.status,
            refresh_native(daemun, &self.by_phone_native.refresh)
                .await
                .status,
        ]
    }

    fn ids(&self) -> [String; 4] {
        let tokens = [
            &*self.by_mail.access,
            unsigned(&self.by_cookie.access),
            &self.by_phone.access,
            &self.by_phone_native.access,
        ];
        tokens.map(|token| claims(token)["sid"].as_str().unwrap().to_owned())
    }
}

async fn two_people() -> (Daemun, Sessions) {
    let daemun = Daemun::start().await;
    account(&daemun, EMAIL, "mail");
    account(&daemun, PHONE, "phone");
    let sessions = Sessions::open(&daemun).await;
    assert_eq!(sessions.guards(&daemun).await, [200; 4]);
    (daemun, sessions)
}

fn why(daemun: &Daemun, id: &str) -> Value {
    daemun
        .run(&["session", "why", id, "--json"])
        .expect(0)
        .json()
}

#[tokio::test]
async fn s33_a_session_that_an_operator_ends_is_over_at_the_next_request() {
    let (daemun, sessions) = two_people().await;
    for (nth, id) in sessions.ids().iter().enumerate() {
        daemun.run(&["session", "revoke", id]).expect(0);
        let expected = [0, 1, 2, 3].map(|at| if at <= nth { 401 } else { 200 });
        assert_eq!(sessions.guards(&daemun).await, expected);
    }
    assert_eq!(sessions.refreshes(&daemun).await, [401; 4]);
    for id in &sessions.ids() {
        let told = why(&daemun, id);
        assert!(
            told["why"]
                .as_str()
                .unwrap()
                .ends_with("an operator ended it."),
            "{told}"
        );
    }
    let again = Sessions::open(&daemun).await;
    assert_eq!(again.guards(&daemun).await, [200; 4]);
}

#[tokio::test]
async fn s33_suspended_by_an_operator_is_shut_out_of_every_contract_in_its_words() {
    let (daemun, sessions) = two_people().await;
    for address in [EMAIL, PHONE] {
        daemun.run(&["account", "suspend", address]).expect(0);
    }
    let told = daemun
        .get_as(&sessions.by_mail.access, "/v1/accounts/me")
        .await
        .expect(403);
    assert_eq!(problem(&told), "suspended");
    let told = daemun
        .get_as(&sessions.by_phone.access, "/accounts/me/")
        .await
        .expect(401);
    assert_eq!(
        told.text,
        r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#
    );
    assert_eq!(sessions.guards(&daemun).await, [403, 401, 401, 403]);
    let told = refresh_native(&daemun, &sessions.by_mail.refresh)
        .await
        .expect(403);
    assert_eq!(problem(&told), "suspended");
    let told = refresh(&daemun, &sessions.by_phone.refresh)
        .await
        .expect(401);
    assert_eq!(
        told.text,
        r#"{"detail":"비활성화된 사용자","code":"user_inactive"}"#
    );
    assert_eq!(sessions.refreshes(&daemun).await, [403, 401, 401, 403]);
    let probe = daemun.get_as(&sessions.by_mail.access, "/v1/session").await;
    assert_eq!(
        (probe.status, &*probe.text),
        (200, r#"{"signed_in":false}"#)
    );

    let login = |path: &'static str, key: &str, address: &str| {
        daemun.post(path, json!({ key: address, "password": PASSWORD }))
    };
    assert_eq!(
        problem(&login("/v1/session", "email", EMAIL).await.expect(403)),
        "suspended"
    );
    assert_eq!(
        login("/accounts/login/", "phone", PHONE)
            .await
            .expect(400)
            .text,
        r#"{"login":"로그인에 실패했습니다."}"#
    );
    assert_eq!(
        login("/api/accounts/login/", "email", EMAIL)
            .await
            .expect(403)
            .text,
        r#"{"error ":"비활성화인 계정입니다"}"#
    );

    for address in [EMAIL, PHONE] {
        daemun.run(&["account", "restore", address]).expect(0);
    }
    // What was ended stays ended; who comes anew comes in.
    assert_eq!(sessions.guards(&daemun).await, [401; 4]);
    assert_eq!(sessions.refreshes(&daemun).await, [401; 4]);
    let again = Sessions::open(&daemun).await;
    assert_eq!(again.guards(&daemun).await, [200; 4]);
    assert_eq!(again.refreshes(&daemun).await, [200; 4]);
    for id in &sessions.ids() {
        assert_eq!(why(&daemun, id)["session"]["reason"], "suspended");
    }
}

#[tokio::test]
async fn s92_every_ended_session_says_who_ended_it_and_why() {
    let (daemun, sessions) = two_people().await;
    let [by_mail, by_cookie, by_phone, by_phone_native] = sessions.ids();
    assert!(
        why(&daemun, &by_mail)["why"]
            .as_str()
            .unwrap()
            .starts_with("It is not over")
    );
    let delete = |path: &str, token: &str| {
        send(
            daemun
                .request(reqwest::Method::DELETE, path)
                .bearer_auth(token),
        )
    };
    delete(
        &format!("/v1/sessions/{by_cookie}"),
        &sessions.by_mail.access,
    )
    .await
    .expect(204);
    delete("/v1/session", &sessions.by_mail.access)
        .await
        .expect(204);
    delete("/v1/sessions", &sessions.by_phone_native.access)
        .await
        .expect(204);
    for (id, reason, said) in [
        (
            &by_cookie,
            "ended_by_owner",
            "its owner ended it from another session.",
        ),
        (&by_mail, "logged_out", "its owner logged out."),
        (
            &by_phone,
            "logged_out_everywhere",
            "its owner logged out everywhere.",
        ),
        (
            &by_phone_native,
            "logged_out_everywhere",
            "its owner logged out everywhere.",
        ),
    ] {
        let told = why(&daemun, id);
        assert_eq!(told["session"]["reason"], reason);
        assert!(told["why"].as_str().unwrap().ends_with(said), "{told}");
        let trail = told["trail"].as_array().unwrap();
        assert!(
            trail.iter().any(|event| event["kind"] == "logged_in"),
            "{told}"
        );
        assert!(
            trail
                .iter()
                .all(|event| event["network"] != Value::Null || event["contract"] == ""),
            "{told}"
        );
    }
    // What was refused is in the trail as well, under the account.
    let login = json!({ "email": EMAIL, "password": "not that one, surely" });
    daemun.post("/v1/session", login).await.expect(401);
    let trail = why(&daemun, &by_mail)["trail"].clone();
    assert!(
        trail
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["kind"] == "login_refused" && event["detail"] == "wrong_password"),
        "{trail}"
    );
}
