//! What each kind of entry revokes, and what is wrong with tokens whose signature is good.

use serde_json::{Value, json};

use super::{
    RESET, Told, Who, both, entries, ready,
    server::{Call, ISSUER, Signer, epoch_seconds},
    until,
};

#[tokio::test]
async fn s33_verifiers_in_other_languages_know_what_each_entry_revokes() {
    both(|language| async move {
        let greeting = RESET.to_owned() + &ready("e.1.0");
        let Some((mut told, mut call)) = Told::start(language, &[], &greeting).await else {
            return;
        };
        kinds(&mut told, &mut call).await;
        tokens(&told).await;
        keys(&told, &mut call).await;
    })
    .await;
}

async fn kinds(told: &mut Told, call: &mut Call) {
    let cut = epoch_seconds() * 1_000 - 9_500;
    let without = |account, began| Who {
        has_session: false,
        ..Who::began(account, began)
    };
    let table = |account| {
        [
            (Who::began(account, cut - 1), 401),
            (Who::began(account, cut), 401),
            (Who::began(account, cut + 1), 200),
            (without(account, cut - 500), 401),
            (without(account, cut + 500), 200),
        ]
    };
    for (who, _) in table(7).into_iter().chain(table(8)) {
        told.until(who, 200, "nothing was revoked").await;
    }
    let unknown = json!({ "device": "x", "until": until() });
    let account = json!({ "account": 7, "before": cut, "until": until() });
    let earlier = json!({ "account": 7, "before": cut - 60_000, "until": until() });
    call.say("event: later\ndata: what a later version may say\n\n: a comment\n\n")
        .await;
    call.say(&entries("e.1.1", &[unknown, account, earlier]))
        .await;
    told.until(table(7)[1].0, 401, "beside an unknown entry")
        .await;
    told.example.until_said("not known here").await;
    for (who, status) in table(7) {
        told.expect(who, status, "an account's cut-off").await;
    }
    for (who, _) in table(8) {
        told.expect(who, 200, "another account").await;
    }
    let everything = json!({ "everything": true, "before": cut, "until": until() });
    call.say(&entries("e.1.2", &[everything])).await;
    told.until(table(8)[1].0, 401, "everything").await;
    for (who, status) in table(7).into_iter().chain(table(8)) {
        told.expect(who, status, "everybody's cut-off").await;
    }
}

/// Tokens with a good signature, and something else wrong with them.
async fn tokens(told: &Told) {
    let (example, signer) = (&told.example, &told.liar.signer);
    let now = epoch_seconds();
    let good = Who::began(9, now * 1_000 - 1_000).claims();
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer.sign(&signer.head(), &claims.to_string())
    };
    example.expect(
        &example.check(&changed("jti", "k".into())).await,
        200,
        "good",
    );
    let audiences = json!(["https://other.example.com", ISSUER]);
    example.expect(
        &example.check(&changed("aud", audiences)).await,
        200,
        "one of its audiences",
    );
    for (name, value) in [
        ("iss", json!("https://other.example.com")),
        ("aud", json!("https://login.example.com.other")),
        ("ctr", json!("another")),
        ("sub", json!("x")),
        ("sub", json!(9)),
        ("sid", json!("x")),
        ("exp", Value::Null),
        ("iat", json!(now + 600)),
    ] {
        let answer = example.check(&changed(name, value)).await;
        example.expect(&answer, 401, name);
        assert_eq!(answer.json()["code"], "invalid_token", "{name}");
    }
    let answer = example.check(&changed("exp", (now - 1).into())).await;
    example.expect(&answer, 401, "expired");
    assert_eq!(answer.json()["code"], "token_expired");
    for (name, value) in [
        ("typ", json!("JWT")),
        ("alg", json!("HS256")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("kid", json!(["one"])),
    ] {
        let mut head: Value = serde_json::from_str(&signer.head()).unwrap();
        head[name] = value;
        let token = signer.sign(&head.to_string(), &good.to_string());
        example.expect(&example.check(&token).await, 401, name);
    }
}

/// Keys that come, go, and never were.
async fn keys(told: &Told, call: &mut Call) {
    let (example, liar) = (&told.example, &told.liar);
    let who = Who::began(9, epoch_seconds() * 1_000 - 1_000);
    let fetched = liar.fetches();
    let late = Signer::new("late");
    liar.publish(&late);
    let token = who.token(&late);
    example.expect(&example.check(&token).await, 200, "a key that appeared");
    for nth in 0..20 {
        let token = who.token(&Signer::new(&format!("never-{nth}")));
        example.expect(&example.check(&token).await, 401, "a key that never was");
    }
    assert_eq!(liar.fetches(), fetched + 1, "{:?}", example.language);
    let revoked = json!({ "key": "late", "until": until() });
    call.say(&entries("e.1.3", &[revoked])).await;
    example.until(&token, 401, "a key that was revoked").await;
    told.expect(who, 200, "another key").await;
}
