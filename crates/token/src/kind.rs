//! What a token is for, as a type: an access token is not a refresh token, and the compiler knows.

/// A purpose a token can be checked for. A crate may add markers of its own: a marker by itself proves nothing,
/// for only [`Verifier::verify`](crate::Verifier::verify) makes a [`Verified`](crate::Verified).
pub trait Kind: 'static {
    /// The name, for `Debug` output.
    const NAME: &'static str;
}

/// Opens guarded routes for a few minutes.
pub struct Access;

/// Buys the next pair of tokens.
pub struct Refresh;

impl Kind for Access {
    const NAME: &'static str = "Access";
}

impl Kind for Refresh {
    const NAME: &'static str = "Refresh";
}
