//! Django's signed cookies: what either side sets, the other reads; what is not as it was set,
//! neither does.

use reqwest::{Method, header};
use serde_json::json;

use super::{
    PASSWORD, SECRET,
    peer::{Frameworks, Peer},
    with_the_teams_secret,
};
use crate::{
    harness::{Answer, Daemun, send},
    wire::people::taken_over,
};

const EMAIL: &str = "mina@example.com";
const ABSENT: &str = r#"{"error":"access 토큰이 필요합니다."}"#;

/// The contract that signs in the older way, as daemun comes, and the same in the newer way.
const OLDER_WAY: &str = "/api/accounts";
const NEWER_WAY: &str = "/newer/accounts";

#[tokio::test]
async fn cookies_that_daemun_sets_are_read_by_django() {
    let (Some(mut current), Some(mut older)) = (
        Peer::start(Frameworks::Current),
        Peer::start(Frameworks::Older),
    ) else {
        return;
    };
    let daemun = in_both_ways().await;
    for way in [OLDER_WAY, NEWER_WAY] {
        for cookie in log_in(&daemun, way).await {
            let (name, token) = (cookie.name(), cookie.value());
            let read = json!({ "header": cookie.0, "name": name });
            let strict = json!({ "header": cookie.0, "name": name, "fallback": false });

            assert_eq!(current.ask("get_cookie", &read), token, "{way} {name}");
            let strictly = current.ask("get_cookie", &strict);
            let by_older = older.ask("get_cookie", &read);
            if way == OLDER_WAY {
                assert!(
                    strictly.is_null(),
                    "{name}: is this not signed in the older way?"
                );
                assert_eq!(by_older, token, "{name}");
            } else {
                assert_eq!(strictly, token, "{name}");
                assert!(
                    by_older.is_null(),
                    "{name}: is this not signed in the newer way?"
                );
            }
        }
    }
}

#[tokio::test]
async fn s52_cookies_that_django_sets_are_read_by_daemun_and_changed_ones_by_neither() {
    let daemun = in_both_ways().await;
    for frameworks in [Frameworks::Current, Frameworks::Older] {
        let Some(mut django) = Peer::start(frameworks) else {
            continue;
        };
        for way in [OLDER_WAY, NEWER_WAY] {
            // The tokens of a login at daemun, in cookies of a Django beside it.
            let [access, refresh] = log_in(&daemun, way).await;
            let by_django = set(&mut django, "access_token", access.value(), SECRET);
            let answer = me(&daemun, way, &by_django).await.expect(200);
            assert_eq!(answer.json()["email"], EMAIL, "{frameworks:?} {way}");
            let by_django = set(&mut django, "refresh_token", refresh.value(), SECRET);
            renew(&daemun, way, &by_django).await.expect(200);
            // The token and the cookie of a login before daemun came.
            let mint = json!({ "kind": "AccessToken", "user_id": 1, "lifetime": 60 });
            let token = django.text("simplejwt_mints", &mint);
            let by_django = set(&mut django, "access_token", &token, SECRET);
            let answer = me(&daemun, way, &by_django).await.expect(200);
            assert_eq!(answer.json()["email"], EMAIL, "{frameworks:?} {way}");
        }
        what_was_changed_is_absent(&daemun, &mut django).await;
    }
}

/// For both sides: every row must be nothing to Django as well.
async fn what_was_changed_is_absent(daemun: &Daemun, django: &mut Peer) {
    let [access, refresh] = log_in(daemun, OLDER_WAY).await;
    let genuine = set(django, "access_token", access.value(), SECRET);
    let (unsigned, signature) = genuine.rsplit_once(':').unwrap();
    let (value, time) = unsigned.rsplit_once(':').unwrap();
    let under_another_name = set(django, "refresh_token", access.value(), SECRET);
    let under_another_name = under_another_name.replacen("refresh_token", "access_token", 1);
    let of_another_secret = set(
        django,
        "access_token",
        access.value(),
        "another secret of another team, long enough",
    );
    let changed = [
        ("signed under another name", under_another_name),
        ("signed with another secret", of_another_secret),
        (
            "the signature's first letter",
            format!("{unsigned}:{}", turned(signature, 0)),
        ),
        (
            "the signature's last letter",
            format!("{unsigned}:{}", turned(signature, signature.len() - 1)),
        ),
        (
            "a shorter signature",
            format!("{unsigned}:{}", &signature[..signature.len() - 1]),
        ),
        ("a padded signature", format!("{unsigned}:{signature}=")),
        ("no signature", unsigned.to_owned()),
        ("an empty signature", format!("{unsigned}:")),
        ("neither time nor signature", value.to_owned()),
        ("no time", format!("{value}:{signature}")),
        (
            "another time",
            format!("{value}:{}:{signature}", turned(time, time.len() - 1)),
        ),
        (
            "another letter in the token",
            format!("{}:{time}:{signature}", turned(value, value.len() - 1)),
        ),
        (
            "another token",
            format!("access_token={}:{time}:{signature}", refresh.value()),
        ),
        ("an empty cookie", "access_token=".to_owned()),
    ];
    me(daemun, OLDER_WAY, &genuine).await.expect(200);
    for (name, cookie) in changed {
        let read = json!({ "header": cookie, "name": "access_token" });
        assert!(
            django.ask("get_cookie", &read).is_null(),
            "{name}: Django takes it"
        );
        let answer = me(daemun, OLDER_WAY, &cookie).await;
        assert_eq!((answer.status, &*answer.text), (401, ABSENT), "{name}");
    }
}

/// A daemun with one account and both ways of signing.
async fn in_both_ways() -> Daemun {
    let contract = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../contracts/email-cookie.toml"
    );
    let newer = std::fs::read_to_string(contract)
        .expect("the contract")
        .replace("name = \"email-cookie\"", "name = \"newer\"")
        .replace("\"/api/accounts/", "\"/newer/accounts/")
        .replace("codec = \"django\"", "codec = \"django-v2\"");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("newer.toml");
    std::fs::write(&file, newer).expect("a contract");
    let daemun = with_the_teams_secret().contract(&file).go().await;
    let row = json!({ "id": 1, "email": EMAIL, "nickname": EMAIL });
    taken_over(&daemun, row);
    daemun
}

/// `name=value`, as a browser sends it back.
struct Cookie(String);

impl Cookie {
    fn name(&self) -> &str {
        self.0.split_once('=').expect("a name").0
    }

    /// What was signed.
    fn value(&self) -> &str {
        let signed = self.0.split_once('=').expect("a value").1;
        signed.rsplitn(3, ':').nth(2).expect("a signed value")
    }
}

async fn log_in(daemun: &Daemun, way: &str) -> [Cookie; 2] {
    let login = json!({ "email": EMAIL, "password": PASSWORD });
    let answer = daemun
        .post(&format!("{way}/login/"), login)
        .await
        .expect(200);
    let set = |name: &str| {
        let lines = answer.headers.get_all(header::SET_COOKIE).iter();
        let mut lines = lines.map(|line| line.to_str().expect("text"));
        let line = lines.find(|line| line.starts_with(name)).expect("a cookie");
        Cookie(line.split(';').next().expect("a cookie").to_owned())
    };
    [set("access_token="), set("refresh_token=")]
}

/// `name=value` as Django sets it, its `SECRET_KEY` being `key`.
fn set(django: &mut Peer, name: &str, value: &str, key: &str) -> String {
    django.text(
        "set_cookie",
        &json!({ "name": name, "value": value, "key": key }),
    )
}

async fn renew(daemun: &Daemun, way: &str, cookie: &str) -> Answer {
    let path = format!("{way}/token/refresh/");
    send(
        daemun
            .request(Method::POST, &path)
            .header(header::COOKIE, cookie),
    )
    .await
}

async fn me(daemun: &Daemun, way: &str, cookie: &str) -> Answer {
    let path = format!("{way}/me/");
    send(
        daemun
            .request(Method::GET, &path)
            .header(header::COOKIE, cookie),
    )
    .await
}

/// The text with another letter at that place.
fn turned(text: &str, at: usize) -> String {
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}
