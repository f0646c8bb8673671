//! Base64url as RFC 7515 §2 wants it and nothing wider: no padding, no white space, no `+/`, no spare bits.

use std::mem::MaybeUninit;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::Malformed;

/// Room for the longest signature this layer checks: RSA with 8192 bits.
const LONGEST_SIGNATURE: usize = 1024;

/// Where a signature is decoded to: on the stack, and not cleared first, for it is written before it is read.
pub(crate) struct SignatureBuffer([MaybeUninit<u8>; LONGEST_SIGNATURE]);

impl SignatureBuffer {
    pub(crate) const fn new() -> Self {
        Self([MaybeUninit::uninit(); LONGEST_SIGNATURE])
    }

    /// Decodes a signature; one that is longer than any real one is malformed.
    pub(crate) fn decode(&mut self, text: &str) -> Result<&[u8], Malformed> {
        if text.len() > encoded_len(LONGEST_SIGNATURE) {
            return Err(Malformed::Base64);
        }
        match URL_SAFE_NO_PAD.decode(text.as_bytes(), self.0.as_mut_slice().as_out()) {
            Ok(bytes) => Ok(bytes),
            Err(_) => Err(Malformed::Base64),
        }
    }
}

/// Decodes into a buffer with room for more.
pub(crate) fn decode_with_room(text: &str, room: usize) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4 + room);
    match URL_SAFE_NO_PAD.decode_append(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Malformed::Base64),
    }
}

pub(crate) fn decode(text: &str) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .map_err(|_| Malformed::Base64)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Appends to what is already there, so that a token is built in one allocation.
pub(crate) fn encode_onto(token: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_append(bytes, token);
}

/// The length `bytes` will have once encoded.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s09_only_the_canonical_form_is_read() {
        assert_eq!(decode("YQ").unwrap(), b"a");
        for bad in [
            "YQ==",
            "YR",
            "Y",
            "YQ ",
            "Y\nQ",
            "+w",
            "/w",
            "Y.Q",
            "\u{feff}YQ",
            "YQ\0",
        ] {
            assert_eq!(decode(bad), Err(Malformed::Base64), "{bad:?}");
            assert_eq!(
                SignatureBuffer::new().decode(bad),
                Err(Malformed::Base64),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_length_is_known_beforehand() {
        for length in 0..100 {
            assert_eq!(encode(&vec![7; length]).len(), encoded_len(length));
        }
    }

    #[test]
    fn a_signature_longer_than_any_real_one_is_malformed() {
        assert!(SignatureBuffer::new().decode(&encode(&[1; 1024])).is_ok());
        assert!(SignatureBuffer::new().decode(&encode(&[1; 1025])).is_err());
        assert!(SignatureBuffer::new().decode(&encode(&[1; 4096])).is_err());
    }
}
