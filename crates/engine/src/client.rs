//! Who is at the other end of a connection, as far as a server can tell.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

/// The address and software a request came from. `address` is already the client's own, taken
/// from trusted hops only.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where the request came from.
    pub address: IpAddr,
    /// The `User-Agent` header, or empty.
    pub user_agent: Box<str>,
}

/// The network a client is in: an IPv4 /24 or an IPv6 /64, which is what one subscriber gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

/// A client remembered by a keyed hash of its software and network; says only "the same" or
/// "another".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientPrint(pub [u8; 8]);

impl Client {
    /// The network of the client's address.
    #[must_use]
    pub fn network(&self) -> Network {
        Network::of(self.address)
    }

    /// This client's print under `key`.
    #[must_use]
    pub fn print(&self, key: &hmac::Key) -> ClientPrint {
        let mut context = hmac::Context::with_key(key);
        match self.network().0 {
            IpAddr::V4(v4) => context.update(&v4.octets()),
            IpAddr::V6(v6) => context.update(&v6.octets()),
        }
        context.update(self.user_agent.as_bytes());
        let tag = context.sign();
        let mut print = [0; 8];
        for (to, from) in print.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        ClientPrint(print)
    }

    /// The user agent, cut to what a session keeps.
    #[must_use]
    pub fn short_user_agent(&self) -> Box<str> {
        let end = self.user_agent.floor_char_boundary(160);
        self.user_agent.get(..end).unwrap_or_default().into()
    }
}

impl Network {
    /// The network `address` belongs to. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self(IpAddr::V4(Ipv4Addr::new(a, b, c, 0)))
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}/24"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}
