use axum::http::Request;
use daemun_engine::time::Timestamp;

use super::*;
use crate::request::RequestId;

const HERE: &str = "127.0.0.1";

fn head(client: &str, headers: &[(&str, &str)]) -> Head {
    let mut request = Request::builder().uri("/token/create");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let client = client.parse().unwrap();
    Head::new(parts, client, false, RequestId(1), Timestamp::EPOCH)
}

fn is_local(peer: &str, client: &str, proxies: &[&str], headers: &[(&str, &str)]) -> bool {
    let proxies: Vec<Cidr> = proxies.iter().map(|range| range.parse().unwrap()).collect();
    let origins = Origins::new("https://login.example", &[], false);
    let way = Way {
        peer: peer.parse().unwrap(),
        proxies: &proxies,
        origins: &origins,
    };
    is_of_this_machine(&head(client, headers), way)
}

#[test]
fn a_program_of_this_machine_is_told_by_every_sign() {
    let host = ("host", "localhost:8080");
    assert!(is_local(HERE, HERE, &[], &[host]));
    assert!(is_local("::1", "::1", &[], &[("host", "[::1]:8080")]));
    assert!(is_local("::ffff:127.0.0.1", HERE, &[], &[host]));
    for (peer, client) in [
        ("203.0.113.9", "203.0.113.9"),
        (HERE, "203.0.113.9"),
        ("203.0.113.9", HERE),
    ] {
        assert!(!is_local(peer, client, &[], &[host]), "{peer} {client}");
    }
    for named in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
    ] {
        assert!(!is_local(HERE, HERE, &[], &[("host", named)]), "{named}");
    }
    assert!(!is_local(HERE, HERE, &[], &[]), "no host");
    for header in [
        ("x-forwarded-for", HERE),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "localhost"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", HERE),
        ("via", "1.1 somewhere"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "none"),
    ] {
        assert!(!is_local(HERE, HERE, &[], &[host, header]), "{header:?}");
    }
}

#[test]
fn a_proxy_of_this_machine_must_say_whom_it_speaks_for() {
    let host = ("host", "localhost");
    let said = ("x-forwarded-for", HERE);
    let proxies = ["127.0.0.0/8"];
    assert!(is_local(HERE, HERE, &proxies, &[host, said]));
    assert!(!is_local(HERE, HERE, &proxies, &[host]));
    assert!(!is_local(HERE, "203.0.113.9", &proxies, &[host, said]));
}

#[test]
fn a_key_is_shown_as_a_bearer_token_and_nowhere_else() {
    let key = "dsk_abc_def";
    let bearer = format!("Bearer {key}");
    let spaced = format!("bearer   {key} ");
    let seen = |headers: &[(&str, &str)]| match shown(&head(HERE, headers)) {
        Shown::Key(key) => key.to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(seen(&[("authorization", &bearer)]), key);
    assert_eq!(seen(&[("authorization", &spaced)]), key);
    assert_eq!(seen(&[]), "Nothing");
    assert_eq!(seen(&[("authorization", "Bearer ey.ey.sig")]), "Nothing");
    assert_eq!(seen(&[("x-api-key", key)]), "Nothing");
    let twice = [("authorization", &*bearer), ("authorization", "Bearer x")];
    assert_eq!(seen(&twice), "Nonsense");
    for odd in [
        key.to_owned(),
        format!("Basic {key}"),
        format!("{bearer} x"),
    ] {
        assert_eq!(seen(&[("authorization", &odd)]), "Nonsense", "{odd}");
    }
}
