//! What may stand in an HTTP message: names and values that cannot break out of their line.

/// A name of a header or a cookie (RFC 9110 §5.6.2, RFC 6265 §4.1.1).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The fixed part of a header's value: visible ASCII and spaces.
pub(crate) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// The fixed part of a cookie's value (RFC 6265 §4.1.1).
pub(crate) fn is_cookie_text(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_graphic() && !b"\",;\\".contains(&b))
}

/// Headers that belong to whoever runs the contract, or that would contradict what it does.
pub(crate) const RESERVED_HEADERS: &[&str] = &[
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "trailer",
    "te",
    "date",
    "server",
    "set-cookie",
    "allow",
    "vary",
];
