//! 94: one address is one account, another is another, and mail goes where the account says.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::people::{PASSWORD, code, code_after};
use crate::harness::Daemun;

#[tokio::test]
async fn s94_one_address_is_one_account_and_what_only_looks_like_it_is_another() {
    let daemun = Daemun::start().await;
    let nth = AtomicUsize::new(0);
    let sign_up = |email: Value| {
        let nickname = format!("n{}", nth.fetch_add(1, Ordering::Relaxed));
        let body = json!({ "email": email, "password": PASSWORD, "nickname": nickname });
        daemun.post("/api/accounts/signup/", body)
    };
    for (address, status) in [
        ("mike@example.com", 201),
        ("MIKE@Example.Com", 409),
        ("mike@example.com ", 409),
        // Turkish, Cyrillic and accented look-alikes.
        ("m\u{131}ke@example.com", 201),
        ("mik\u{435}@example.com", 201),
        ("mike\u{301}@example.com", 201),
        ("mik\u{e9}@example.com", 409),
        ("mik\u{c9}@example.com", 409),
        ("m\u{ff49}ke@example.com", 201),
        ("mike+1@example.com", 201),
        ("mike@ex\u{e4}mple.com", 201),
        ("mike@xn--exmple-cua.com", 409),
        ("mike@example.com,evil@example.com", 400),
        ("mike@example.com;evil@example.com", 400),
        ("mike@example.com evil@example.com", 400),
        ("Mike <mike@example.com>", 400),
        ("\"mike\"@example.com", 400),
        ("\"a@b\"@example.com", 400),
        ("mike(comment)@example.com", 400),
        ("mike@[127.0.0.1]", 400),
        ("mike@127.0.0.1", 400),
        ("mike@localhost", 400),
        ("mike@example.com.", 400),
        ("mike@.example.com", 400),
        (".mike@example.com", 400),
        ("mi..ke@example.com", 400),
        ("@example.com", 400),
        ("mike@", 400),
        ("a@b@example.com", 400),
        (&*format!("{}@example.com", "a".repeat(65)), 400),
        (&format!("a@{}.com", "a".repeat(300)), 400),
    ] {
        let answer = sign_up(json!(address)).await;
        assert_eq!(answer.status, status, "{address}: {answer:?}");
    }
    for none in [
        json!(["a@example.com"]),
        json!(["a@example.com", "b@example.com"]),
        json!({ "a": "b@example.com" }),
    ] {
        assert_eq!(sign_up(none).await.status, 400);
    }
    // Asked for under another spelling, the code goes to the address as it was signed up with.
    let (_, letter) = code_after(&daemun, "mike@example.com", &Value::Null).await;
    assert_eq!(letter["to"], "mike@example.com");
    let proof =
        json!({ "email": "Mike@EXAMPLE.com", "code": code(&daemun, "mike@example.com").await });
    daemun
        .post("/api/accounts/verify/email/", proof)
        .await
        .expect(200);
    for twin in ["m\u{131}ke@example.com", "mik\u{e9}@example.com"] {
        let login = json!({ "email": twin, "password": PASSWORD });
        daemun.post("/api/accounts/login/", login).await.expect(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s71_of_many_sign_ups_at_once_with_one_address_one_makes_the_account() {
    let daemun = Arc::new(Daemun::start().await);
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..24 {
        let daemun = Arc::clone(&daemun);
        tasks.spawn(async move {
            let mail = json!({ "email": "mina@example.com", "password": PASSWORD, "nickname": format!("n{nth}") });
            let phone = json!({ "phone": "010-1234-5678", "password": PASSWORD });
            match nth % 2 {
                0 => daemun.post("/api/accounts/signup/", mail).await.status,
                _ => daemun.post("/accounts/signup/", phone).await.status,
            }
        });
    }
    let statuses = tasks.join_all().await;
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    // The one made by mail, and all by phone, where nobody is told.
    assert_eq!((count(201), count(409)), (13, 11), "{statuses:?}");
    let accounts = daemun.run(&["account", "list", "--json"]).expect(0).json();
    assert_eq!(accounts.as_array().unwrap().len(), 2);
    // One message, however many asked; its code is the one that counts.
    let proof = json!({ "phone": "01012345678", "code": code(&daemun, "01012345678").await });
    daemun
        .post("/accounts/signup/verify/", proof)
        .await
        .expect(200);
}
