//! A range of addresses, as `10.0.0.0/8` or `fd00::/8`.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses. A single address is the range that holds only it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash is no address.
    #[error("`{0}` is no range of addresses; write for example 10.0.0.0/8 or fd00::/8")]
    NotAnAddress(Box<str>),
    /// The part after the slash is no length of a prefix.
    #[error(
        "`{0}` has no valid prefix length; write 0 to 32 after an IPv4 address, 0 to 128 after an IPv6 one"
    )]
    BadPrefix(Box<str>),
    /// Bits are set that the prefix does not cover, so it is unclear which range is meant.
    #[error("`{written}` names a host, not a range; write {meant}, or the address alone")]
    HostBits {
        /// What was written.
        written: Box<str>,
        /// The range around it.
        meant: Cidr,
    },
}

impl Cidr {
    /// Whether `address` is in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() == address.to_bits() & mask
            }
            _ => false,
        }
    }

    fn around(address: IpAddr, prefix: u8) -> Self {
        let network = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        };
        Self { network, prefix }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(written: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match written.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (written, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| CidrError::NotAnAddress(written.into()))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let Some(prefix) = prefix else {
            let address = address.to_canonical();
            return Ok(Self {
                network: address,
                prefix: if address.is_ipv4() { 32 } else { 128 },
            });
        };
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        match prefix.parse() {
            Ok(prefix) if digits && prefix <= longest => {
                let range = Self::around(address, prefix);
                if range.network == address {
                    Ok(range)
                } else {
                    Err(CidrError::HostBits {
                        written: written.into(),
                        meant: range,
                    })
                }
            }
            _ => Err(CidrError::BadPrefix(written.into())),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}
