//! Whose request it is, when proxies stand between.
//!
//! Each proxy appends whom it got the request from, so the list is read from its end: the peer
//! vouches for the last entry, and if that is a trusted proxy too, it vouches for the one before.
//! Whatever stands further left anybody may have written.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Cidr, Peer};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client's address, and whether it spoke HTTPS, as far as the proxies in `trusted` vouch for it.
///
/// Both `X-Forwarded-For` and `Forwarded` (RFC 7239) are understood. A proxy that maintains only one
/// of them passes the other on as the client wrote it; so where both are there and contradict each
/// other, neither is believed and the peer itself is the client.
#[must_use]
pub fn client_address(peer: &Peer, headers: &HeaderMap, trusted: &[Cidr]) -> (IpAddr, bool) {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer.address) {
        return (peer.address, peer.secure);
    }
    let written = x_forwarded(headers);
    let forwarded = forwarded(headers);
    let hops = if forwarded.is_empty() {
        &written
    } else {
        &forwarded
    };
    let mut seen = walk(peer.address, hops, is_trusted);
    if !written.is_empty()
        && !forwarded.is_empty()
        && walk(peer.address, &written, is_trusted).0 != seen.0
    {
        seen = (peer.address, 0);
    }
    let (client, believed) = seen;
    let by_proxy =
        scheme(headers, believed).or_else(|| forwarded.get(believed.checked_sub(1)?)?.secure);
    (client, by_proxy.unwrap_or(peer.secure))
}

/// What a proxy says of whom it got the request from.
struct Hop {
    /// Nothing if it is hidden or not readable, which ends what can be believed.
    address: Option<IpAddr>,
    secure: Option<bool>,
}

/// The farthest address vouched for, and how many hops were believed.
fn walk(peer: IpAddr, hops: &[Hop], is_trusted: impl Fn(IpAddr) -> bool) -> (IpAddr, usize) {
    let mut client = peer;
    let mut believed = 0;
    for address in hops.iter().map_while(|hop| hop.address) {
        client = address;
        believed += 1;
        if !is_trusted(address) {
            break;
        }
    }
    (client, believed)
}

/// The entries of `X-Forwarded-For`, the nearest first.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    lines(headers, &FORWARDED_FOR)
        .flat_map(|line| line.rsplit(','))
        .map(|entry| Hop {
            address: node(entry.trim()),
            secure: None,
        })
        .collect()
}

/// The elements of `Forwarded`, the nearest first.
fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let mut hops = Vec::new();
    for line in lines(headers, &header::FORWARDED) {
        let elements = split_unquoted(line, ',');
        hops.extend(elements.into_iter().rev().map(element));
    }
    hops
}

fn element(element: &str) -> Hop {
    let mut hop = Hop {
        address: None,
        secure: None,
    };
    for pair in split_unquoted(element, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match name.trim() {
            name if name.eq_ignore_ascii_case("for") => hop.address = node(value),
            name if name.eq_ignore_ascii_case("proto") => hop.secure = is_https(value),
            _ => {}
        }
    }
    hop
}

/// What the proxy that named the client says the client spoke; `X-Forwarded-Proto` may be a list
/// beside that of the addresses, or one word.
fn scheme(headers: &HeaderMap, believed: usize) -> Option<bool> {
    let mut said = None;
    for word in lines(headers, &FORWARDED_PROTO)
        .flat_map(|line| line.rsplit(','))
        .take(believed.max(1))
    {
        said = Some(is_https(word.trim())?);
    }
    said
}

fn is_https(scheme: &str) -> Option<bool> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(true)
    } else {
        scheme.eq_ignore_ascii_case("http").then_some(false)
    }
}

/// An address, with or without a port, as proxies write it.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<std::net::Ipv6Addr>()
            .ok()
            .map(IpAddr::V6)
    };
    bare.or_else(with_port)
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}

/// The lines of a header, the last first. One that is no text counts as unreadable, not as absent.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let text = |line: &'h HeaderValue| line.to_str().unwrap_or("?");
    headers.get_all(name).iter().rev().map(text)
}

/// Splits at `separator` outside of quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}
