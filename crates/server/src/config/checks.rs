//! What makes a value sound: pure judgements, each on one value.

use std::net::IpAddr;

use daemun_contract::Contract;
use daemun_engine::policy::KeyName;
use daemun_token::SigningKey;

/// The URL without the slash at its end, or what is wrong with it.
pub(super) fn public_url(text: &str) -> Result<String, &'static str> {
    let Some(rest) = text.strip_prefix("https://") else {
        return Err("must begin with https://");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if !is_authority(authority) {
        return Err("must be https://, a host, perhaps a port, and nothing after it");
    }
    let host = host(text).unwrap_or_default();
    if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        return Err("names this machine only, which nobody else can reach");
    }
    Ok(format!("https://{authority}"))
}

/// The host of a URL.
pub(super) fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// What is wrong with an origin.
pub(super) fn origin_fault(origin: &str) -> Option<&'static str> {
    if origin.contains('*') {
        return Some("a wildcard");
    }
    let Some(authority) = origin.strip_prefix("https://") else {
        return Some("which is not an https:// origin");
    };
    if !is_authority(authority) || authority.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(
            "which is not as browsers send it: https://, the host in lower case, perhaps a port, nothing after it",
        );
    }
    None
}

/// A host and perhaps a port.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((v6, port)) => (v6, port.strip_prefix(':')),
            None => return false,
        },
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    !host.is_empty()
        && host.chars().all(plain)
        && (text.starts_with('[') == host.contains(':'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether a network is the whole world.
pub(super) fn is_everybody(network: &str) -> bool {
    network
        .split_once('/')
        .is_some_and(|(_, bits)| bits.trim().parse() == Ok(0))
}

/// Whether a key can hardly have come from a random number generator.
pub(super) fn is_monotonous(key: &[u8]) -> bool {
    let mut seen = key.to_vec();
    seen.sort_unstable();
    seen.dedup();
    seen.len() < 8
}

/// Which algorithm of the contract the legacy secret is too short for.
pub(crate) fn legacy_too_short(contract: &Contract, secret: &[u8]) -> Option<String> {
    let tokens = &contract.policy.tokens;
    let specs = [&tokens.access, &tokens.refresh];
    let spec = specs.into_iter().find(|spec| {
        spec.key == KeyName::Legacy && SigningKey::hmac(spec.algorithm, None, secret).is_err()
    })?;
    Some(format!(
        "the legacy secret has {} bytes, too few for {} of `{}`",
        secret.len(),
        spec.algorithm,
        contract.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_https_a_host_and_no_more() {
        for (text, url) in [
            ("https://login.example.com", "https://login.example.com"),
            ("https://login.example.com/", "https://login.example.com"),
            (
                "https://login.example.com:8443",
                "https://login.example.com:8443",
            ),
            ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"),
        ] {
            assert_eq!(public_url(text).as_deref(), Ok(url));
        }
        for text in [
            "http://login.example.com",
            "login.example.com",
            "https://",
            "https://login.example.com/auth",
            "https://user@login.example.com",
            "https://login.example.com?x",
            "https://login.example.com:0",
            "https://login.example.com:x",
            "https://a:1:2",
            "https://[::1",
            "https://localhost",
            "https://127.0.0.1:8080",
            "https://[::1]",
            "HTTPS://login.example.com",
        ] {
            assert!(public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn s54_an_origin_is_exact_and_https() {
        assert_eq!(origin_fault("https://app.example.com"), None);
        assert_eq!(origin_fault("https://app.example.com:8443"), None);
        for origin in [
            "*",
            "https://*.example.com",
            "null",
            "http://app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "app.example.com",
            "",
        ] {
            assert!(origin_fault(origin).is_some(), "{origin}");
        }
    }

    #[test]
    fn the_whole_world_is_no_proxy() {
        assert!(is_everybody("0.0.0.0/0"));
        assert!(is_everybody("::/00"));
        assert!(!is_everybody("10.0.0.0/8"));
        assert!(!is_everybody("127.0.0.1"));
    }

    #[test]
    fn a_monotonous_key_is_noticed() {
        assert!(is_monotonous(&[b'0'; 64]));
        assert!(is_monotonous(b"0123456".repeat(9).as_slice()));
        assert!(!is_monotonous(b"3f9c1de2b07a4856"));
    }
}
