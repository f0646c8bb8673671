use std::{net::Ipv4Addr, time::Duration};

use axum::http::Request;
use daemun_contract::{CookieAnswer, builtin};
use daemun_engine::{
    client::ClientPrint,
    ids::{AccountId, SessionId},
    operations::Granted,
    session::{Burst, Session, Subject},
    vocabulary::{Operation, Outcome},
};

use super::*;
use crate::request::{Head, RequestId};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

fn contract(name: &str) -> Contract {
    let (_, source) = builtin().iter().find(|(has, _)| *has == name).unwrap();
    Contract::parse(source, name).unwrap()
}

fn head() -> Head {
    let (parts, ()) = Request::new(()).into_parts();
    Head::new(parts, Ipv4Addr::LOCALHOST.into(), false, RequestId(1), NOW)
}

fn granted(access: &str) -> Granted {
    let session = Session {
        id: SessionId::new(NOW, [7; 10]),
        subject: Subject::Account(AccountId(1)),
        contract: "test".into(),
        generation: 1,
        rotated_at: NOW,
        rotated_by: ClientPrint([0; 8]),
        burst: Burst::beginning(1, NOW),
        recovered: None,
        created_at: NOW,
        idle: Duration::from_secs(60),
        expires_at: NOW + Duration::from_secs(60),
        revoked: None,
        user_agent: "".into(),
        network: "".into(),
    };
    Granted {
        access: access.to_owned(),
        access_issued_at: NOW,
        access_expires_at: NOW,
        refresh: "refresh".to_owned(),
        refresh_expires_at: NOW + Duration::from_secs(60),
        session,
        account: None,
        at: NOW,
    }
}

/// The cookies an operation's `ok` sets or clears.
fn cookies(contract: &Contract, operation: Operation) -> Vec<&CookieAnswer> {
    let routes = contract
        .routes
        .iter()
        .filter(|route| route.operation == operation);
    routes
        .flat_map(|route| &route.answer(Outcome::Ok, None).cookies)
        .collect()
}

fn attributes(line: &[u8]) -> Vec<String> {
    let line = String::from_utf8(line.to_vec()).unwrap();
    let parts = line.split("; ").skip(1).map(str::to_owned);
    parts
        .filter(|part| !part.starts_with("Max-Age") && !part.starts_with("Expires"))
        .collect()
}

#[test]
fn s49_a_cookie_is_cleared_with_the_attributes_it_was_set_with() {
    for name in ["native", "email-cookie"] {
        let contract = contract(name);
        let reader = CookieReader::new(&contract, Some(b"secret"), false);
        let (head, granted) = (head(), granted("access"));
        let values = AnswerValues::granted(&head, &granted);
        let set = cookies(&contract, Operation::LogIn);
        let cleared = cookies(&contract, Operation::LogOut);
        assert!(!set.is_empty() && !cleared.is_empty(), "{name}");
        for clear in cleared.iter().filter(|clear| clear.value.is_none()) {
            let set = set
                .iter()
                .find(|set| set.cookie.name == clear.cookie.name)
                .unwrap();
            let set = reader.write(set, 0, &values, NOW).unwrap();
            let clear = reader.write(clear, 0, &values, NOW).unwrap();
            assert_eq!(attributes(&set), attributes(&clear));
            assert!(attributes(&set).contains(&"Secure".to_owned()));
            assert!(String::from_utf8(clear).unwrap().contains("Max-Age=0"));
        }
    }
}

#[test]
fn s47_a_cookie_longer_than_browsers_keep_is_not_sent() {
    let contract = contract("email-cookie");
    let reader = CookieReader::new(&contract, Some(b"secret"), true);
    let set = cookies(&contract, Operation::LogIn);
    let access = set
        .iter()
        .find(|set| &*set.cookie.name == "access_token")
        .unwrap();
    let write = |length: usize| {
        let (head, granted) = (head(), granted(&"a".repeat(length)));
        reader.write(access, 0, &AnswerValues::granted(&head, &granted), NOW)
    };
    assert!(write(4_000).is_some());
    assert!(write(4_090).is_none());
}
