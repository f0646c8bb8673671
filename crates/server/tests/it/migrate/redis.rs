//! Lists of tokens in Redis: good ones by their owner, dead ones by themselves.

use daemun_test_servers::Redis;
use daemun_token::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    HASH, import, imported,
    tokens::{minted, now},
};
use crate::harness::{Daemun, send};

/// A token of `token-server`'s former back end.
fn sliding(daemun: &Daemun, owner: &str, lives: i64) -> String {
    let exp = now().saturating_add_signed(lives);
    let claims = json!({ "userId": owner, "userType": "member", "iat": now() - 60, "exp": exp });
    minted(daemun, Algorithm::Hs256, &claims)
}

async fn refreshed(daemun: &Daemun, token: &str) -> u16 {
    let request = daemun.request(Method::POST, "/tokenF/refresh");
    send(request.header("x-access-token", token)).await.status
}

#[tokio::test]
async fn s81_only_tokens_on_the_list_of_good_ones_go_on() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let daemun = Daemun::start().await;
    let listed = sliding(&daemun, "mina", 3_600);
    let quoted = sliding(&daemun, "jun", 3_600);
    let unlisted = sliding(&daemun, "thief", 3_600);
    redis.ask(&["SET", "tokens:mina", &listed]);
    redis.ask(&["SET", "tokens:jun", &format!("\"{quoted}\"")]);
    redis.ask(&["SET", "tokens:old", &sliding(&daemun, "old", -10)]);
    redis.ask(&["SET", "tokens:count", "17"]);
    redis.ask(&["RPUSH", "tokens:list", "a"]);
    redis.ask(&["SET", "elsewhere:thief", &unlisted]);
    assert_eq!(refreshed(&daemun, &listed).await, 401);

    let url = redis.url();
    let whitelist = ["--redis-whitelist", &url, "--key-prefix", "tokens:"];
    let whitelist = [&whitelist[..], &["--contract", "token-server"]].concat();
    let dry = import(&daemun, &whitelist).expect(0).json()["tokens"][0].clone();
    assert_eq!(
        ["read", "living", "expired", "unreadable", "changed"].map(|name| dry[name].as_u64()),
        [Some(5), Some(2), Some(1), Some(2), Some(0)]
    );
    let applied = import(&daemun, &[&whitelist[..], &["--apply"]].concat())
        .expect(0)
        .json();
    assert_eq!(applied["tokens"][0]["changed"], 2);
    for (token, status) in [(&listed, 200), (&quoted, 200), (&unlisted, 401)] {
        assert_eq!(refreshed(&daemun, token).await, status);
    }
    let names = redis.ask(&["KEYS", "*"]);
    assert_eq!(names.lines().count(), 6, "the source was changed: {names}");
}

#[tokio::test]
async fn s81_tokens_on_the_list_of_dead_ones_stay_dead() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let daemun = Daemun::start().await;
    let user = format!("id,email,password\n7,mina@example.com,{HASH}\n");
    let file = daemun.folder().join("users.csv");
    std::fs::write(&file, user).unwrap();
    imported(&daemun, &["--csv", file.to_str().unwrap()]);
    let mint = |issued: u64| {
        let claims = json!({ "sub": "mina@example.com", "iat": issued, "exp": issued + 10_800 });
        minted(&daemun, Algorithm::Hs512, &claims)
    };
    let (live, dead, by_value) = (mint(now() - 60), mint(now() - 120), mint(now() - 180));
    redis.ask(&["SET", &format!("dead:{dead}"), "logout"]);
    redis.ask(&["SET", "gone:1", &by_value]);
    let url = redis.url();
    let base = [
        "--redis-blacklist",
        &url,
        "--contract",
        "result-code",
        "--apply",
    ];
    for more in [
        ["--key-prefix", "dead:", "--redis-shape", "key-is-token"],
        ["--key-prefix", "gone:", "--redis-shape", "value-is-token"],
    ] {
        let ran = import(&daemun, &[&base[..], &more[..]].concat()).expect(0);
        assert_eq!(ran.json()["tokens"][0]["changed"], 1);
    }
    for (token, code) in [(&live, 200), (&dead, 401), (&by_value, 401)] {
        let request = daemun.request(Method::POST, "/auth/refresh");
        let request = request.header("Cookie", format!("refreshToken={token}"));
        let answer: Value = send(request).await.json();
        let told = answer["resultCode"].as_i64().or_else(|| {
            answer["resultCode"]
                .as_str()
                .and_then(|text| text.parse().ok())
        });
        assert_eq!(told == Some(200), code == 200, "{answer}");
    }
}

#[tokio::test]
async fn names_of_dead_tokens_are_remembered_as_long_as_their_keys_live() {
    let Some(redis) = Redis::start() else {
        return;
    };
    let daemun = Daemun::start().await;
    redis.ask(&["SET", "jti:[a]*:0123", "1", "EX", "600"]);
    redis.ask(&["SET", "jti:[a]*:4567", "1"]);
    redis.ask(&["SET", "jti:a:89ab", "1"]);
    let url = redis.url();
    let jtis = [
        "--redis-blacklist",
        &url,
        "--redis-shape",
        "key-is-jti",
        "--apply",
    ];
    let jtis = [
        &jtis[..],
        &["--contract", "phone-pair", "--key-prefix", "jti:[a]*:"],
    ]
    .concat();
    let ran = import(&daemun, &jtis).expect(0).json();
    assert_eq!(
        ran["tokens"][0]["changed"], 2,
        "a prefix holds no wildcards"
    );
    let database = rusqlite::Connection::open(daemun.data().join("daemun.db")).unwrap();
    let soonest = "SELECT min(expires_at) / 1000000 FROM foreign_tokens";
    let soonest: i64 = database.query_row(soonest, [], |row| row.get(0)).unwrap();
    assert!((now() + 500..=now() + 601).contains(&soonest.unsigned_abs()));
}
