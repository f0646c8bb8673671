//! A team's users move from their Django REST framework and SimpleJWT to daemun and back, with
//! their passwords, their ids and their living sessions. Nobody logs in again.

use std::path::Path;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    PASSWORD,
    peer::{Frameworks, Peer},
    with_the_teams_secret,
};
use crate::harness::{Answer, Daemun, send};

const MINA: &str = "01000000000";
const JUN: &str = "01000000001";
const SORA: &str = "01000000002";
const DEAD: &str = r#"{"detail":"블랙리스트에 추가된 토큰","code":"token_not_valid"}"#;

/// A front end: it knows where its back end is, and its two tokens.
struct FrontEnd {
    client: Client,
    access: String,
    refresh: String,
}

impl FrontEnd {
    async fn logged_in(url: &str, phone: &str) -> Self {
        let client = Client::new();
        let body = json!({ "phone": phone, "password": PASSWORD });
        let request = client.post(format!("{url}/accounts/login/")).json(&body);
        let answer = send(request).await.expect(201).json();
        let text = |name: &str| answer["token"][name].as_str().expect("a token").to_owned();
        Self {
            access: text("access"),
            refresh: text("refresh"),
            client,
        }
    }

    fn me(&self, url: &str) -> RequestBuilder {
        let request = self
            .client
            .request(Method::GET, format!("{url}/accounts/me/"));
        request.bearer_auth(&self.access)
    }

    async fn is(&self, url: &str) -> Value {
        send(self.me(url)).await.expect(200).json()["id"].take()
    }

    async fn presents(&self, url: &str) -> Answer {
        let body = json!({ "refresh": self.refresh });
        let request = self.client.post(format!("{url}/accounts/token_refresh/"));
        send(request.json(&body)).await
    }

    async fn refreshes(&mut self, url: &str) {
        let answer = self.presents(url).await.expect(200).json();
        let text = |name: &str| answer[name].as_str().expect("a token").to_owned();
        (self.access, self.refresh) = (text("access"), text("refresh"));
    }
}

fn import(daemun: &Daemun, database: &Path) -> String {
    let file = database.to_str().expect("text");
    let import = [
        "migrate",
        "import",
        "--django-sqlite",
        file,
        "--map",
        "phone=username",
    ];
    let tokens = [
        "--simplejwt-blacklist",
        "--contract",
        "phone-pair",
        "--inactive",
        "suspended",
    ];
    daemun.run(&[&import[..], &tokens].concat()).expect(0);
    let applied = [&import[..], &tokens, &["--apply"]].concat();
    daemun.run(&applied).expect(0).stdout
}

#[tokio::test]
async fn users_move_over_mid_session_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("django.sqlite3");
    let Some(mut python) = Peer::start_on(Frameworks::Current, Some(&database)) else {
        return;
    };
    let users = [MINA, JUN, SORA].map(|phone| [phone, PASSWORD]);
    let port = python.ask("serve", &json!({ "users": users }));
    let django = format!("http://127.0.0.1:{port}");

    // Life at the old back end: everybody is logged in; Jun has refreshed, so his first token is dead.
    let mut mina = FrontEnd::logged_in(&django, MINA).await;
    let mut jun = FrontEnd::logged_in(&django, JUN).await;
    let juns_first = FrontEnd {
        refresh: jun.refresh.clone(),
        access: String::new(),
        client: Client::new(),
    };
    jun.refreshes(&django).await;
    let mut sora = FrontEnd::logged_in(&django, SORA).await;
    python.ask("suspend", &json!({ "phone": SORA }));

    // The way over.
    let daemun = with_the_teams_secret().go().await;
    let told = import(&daemun, &database);
    assert!(told.contains('3'), "{told}");
    let url = daemun.url("");
    assert_eq!(
        mina.is(&url).await,
        1,
        "her access token passes, and she is who she was"
    );
    assert_eq!(jun.is(&url).await, 2);
    assert_eq!(juns_first.presents(&url).await.expect(401).text, DEAD);
    for user in [&mut mina, &mut jun] {
        user.refreshes(&url).await;
    }
    assert_eq!(
        (mina.is(&url).await, jun.is(&url).await),
        (1.into(), 2.into())
    );
    assert_eq!(
        send(sora.me(&url)).await.status,
        401,
        "shut out there, shut out here"
    );
    assert_eq!(sora.presents(&url).await.status, 401);
    // And with the password she always had, Mina logs in on another device.
    let other = FrontEnd::logged_in(&url, MINA).await;
    assert_eq!(other.is(&url).await, 1);
    // A second import finds nothing to do.
    import(&daemun, &database);
    mina.refreshes(&url).await;

    // The way back: the old back end accepts what daemun minted, and goes on from it.
    for user in [&mut mina, &mut jun] {
        let id = user.is(&django).await;
        user.refreshes(&django).await;
        assert_eq!(user.is(&django).await, id);
        user.refreshes(&django).await;
    }
    assert_eq!(other.is(&django).await, 1);

    // And over once more: what the old back end made of our tokens is ours.
    assert_eq!(mina.is(&url).await, 1);
    mina.refreshes(&url).await;
    assert_eq!(
        (mina.is(&url).await, mina.is(&django).await),
        (1.into(), 1.into())
    );
    sora.access.clear();
}
