//! Whose request it is. Number 72 of the threat list.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue};
use daemun_http::transport::{Cidr, CidrError, Peer, client_address};

fn trusted() -> Vec<Cidr> {
    ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]
        .iter()
        .map(|range| range.parse().unwrap())
        .collect()
}

fn seen(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    let peer = Peer {
        address: peer.parse().unwrap(),
        secure: false,
    };
    let (address, secure) = client_address(&peer, &headers, &trusted());
    format!("{address}{}", if secure { " https" } else { "" })
}

const XFF: &str = "x-forwarded-for";
const XFP: &str = "x-forwarded-proto";

#[test]
fn s72_what_a_stranger_says_of_itself_is_ignored() {
    let said = [
        (XFF, "1.2.3.4"),
        (XFP, "https"),
        ("forwarded", "for=1.2.3.4;proto=https"),
    ];
    assert_eq!(seen("203.0.113.9", &said), "203.0.113.9");
    assert_eq!(seen("2001:db8::9", &said), "2001:db8::9");
    let peer = Peer {
        address: "10.0.0.1".parse().unwrap(),
        secure: true,
    };
    let mut headers = HeaderMap::new();
    headers.append(XFF, HeaderValue::from_static("1.2.3.4"));
    assert_eq!(client_address(&peer, &headers, &[]), (peer.address, true));
}

#[test]
fn s72_the_list_is_read_from_its_end_through_trusted_hops_only() {
    let matrix = [
        ("1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 192.0.2.1, fd00::7, 10.9.9.9", "1.2.3.4"),
        ("6.6.6.6, 10.1.1.1, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:5678", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("1.2.3.4,  10.9.9.9 ", "1.2.3.4"),
        ("1.2.3.4, ::ffff:10.9.9.9", "1.2.3.4"),
    ];
    for (list, client) in matrix {
        assert_eq!(seen("10.0.0.1", &[(XFF, list)]), client, "{list}");
    }
    assert_eq!(
        seen("10.0.0.1", &[(XFF, "6.6.6.6, 1.2.3.4"), (XFF, "10.9.9.9")]),
        "1.2.3.4"
    );
    assert_eq!(seen("::ffff:10.0.0.1", &[(XFF, "1.2.3.4")]), "1.2.3.4");
}

#[test]
fn s72_an_entry_that_cannot_be_read_ends_the_walk() {
    let matrix = [
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("1.2.3.4, unknown", "10.0.0.1"),
        ("1.2.3.4, garbage, 10.9.9.9", "10.9.9.9"),
        ("1.2.3.4, , 10.9.9.9", "10.9.9.9"),
        ("1.2.3.4;10.9.9.9", "10.0.0.1"),
        ("1.2.3.4:99999", "10.0.0.1"),
        ("010.2.3.4", "10.0.0.1"),
        ("1.2.3", "10.0.0.1"),
        ("\"1.2.3.4\"", "10.0.0.1"),
    ];
    for (list, client) in matrix {
        assert_eq!(seen("10.0.0.1", &[(XFF, list)]), client, "{list}");
    }
    let mut headers = HeaderMap::new();
    headers.append(XFF, HeaderValue::from_static("1.2.3.4"));
    headers.append(XFF, HeaderValue::from_bytes(b"\xff").unwrap());
    let peer = Peer {
        address: "10.0.0.1".parse().unwrap(),
        secure: false,
    };
    assert_eq!(client_address(&peer, &headers, &trusted()).0, peer.address);
}

#[test]
fn s72_forwarded_is_read_the_same_way() {
    let matrix = [
        ("for=1.2.3.4", "1.2.3.4"),
        ("For=1.2.3.4;Proto=https;by=10.0.0.1", "1.2.3.4 https"),
        (
            "for=6.6.6.6;proto=https, for=1.2.3.4;proto=http, for=10.9.9.9",
            "1.2.3.4",
        ),
        (
            "for=\"[2001:db8::1]:4711\";proto=https",
            "2001:db8::1 https",
        ),
        ("for=\"1.2.3.4:80\"", "1.2.3.4"),
        ("for=6.6.6.6, for=_hidden", "10.0.0.1"),
        ("for=6.6.6.6, proto=https", "10.0.0.1"),
        ("for=6.6.6.6, for=\"a,for=1.2.3.4\"", "10.0.0.1"),
        ("for=6.6.6.6, for=\"unfinished", "10.0.0.1"),
    ];
    for (list, client) in matrix {
        assert_eq!(seen("10.0.0.1", &[("forwarded", list)]), client, "{list}");
    }
}

#[test]
fn s72_where_the_two_headers_contradict_each_other_neither_is_believed() {
    assert_eq!(
        seen(
            "10.0.0.1",
            &[(XFF, "1.2.3.4"), ("forwarded", "for=6.6.6.6")]
        ),
        "10.0.0.1"
    );
    assert_eq!(
        seen(
            "10.0.0.1",
            &[(XFF, "6.6.6.6, 1.2.3.4"), ("forwarded", "for=1.2.3.4")]
        ),
        "1.2.3.4"
    );
}

#[test]
fn the_scheme_is_that_of_the_hop_that_saw_the_client() {
    let matrix = [
        ("1.2.3.4", "https", "1.2.3.4 https"),
        ("1.2.3.4", "HTTPS", "1.2.3.4 https"),
        ("1.2.3.4", "http", "1.2.3.4"),
        ("1.2.3.4", "https, http", "1.2.3.4"),
        ("1.2.3.4, 10.9.9.9", "https, http", "1.2.3.4 https"),
        ("1.2.3.4, 10.9.9.9", "https", "1.2.3.4 https"),
        ("1.2.3.4", "https, gopher", "1.2.3.4"),
        ("unknown", "https", "10.0.0.1 https"),
    ];
    for (list, scheme, client) in matrix {
        assert_eq!(
            seen("10.0.0.1", &[(XFF, list), (XFP, scheme)]),
            client,
            "{list} {scheme}"
        );
    }
    assert_eq!(seen("10.0.0.1", &[(XFP, "https")]), "10.0.0.1 https");
}

#[test]
fn ranges_hold_what_their_prefix_says() {
    let matrix = [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "ffff::1", true),
        ("::/0", "1.2.3.4", false),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1/32", "192.0.2.2", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("::1/128", "::1", true),
    ];
    for (range, address, inside) in matrix {
        let range: Cidr = range.parse().unwrap();
        assert_eq!(
            range.contains(address.parse::<IpAddr>().unwrap()),
            inside,
            "{range} {address}"
        );
    }
}

#[test]
fn ranges_that_say_two_things_or_none_are_refused_with_what_to_write() {
    for faulty in [
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "ten",
        "10.0.0/8",
    ] {
        assert!(faulty.parse::<Cidr>().is_err(), "{faulty}");
    }
    let fault = "10.0.0.1/8".parse::<Cidr>().unwrap_err();
    assert!(matches!(fault, CidrError::HostBits { .. }));
    assert!(fault.to_string().contains("10.0.0.0/8"), "{fault}");
}
