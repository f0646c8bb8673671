//! Nothing that is shown by accident shows anything.

use daemun_token::django::CookieSigner;
use daemun_token::{Rejected, Signer, Unverified};

use crate::forge::{HS256, NOW, ed25519, forge, hs256, lenient};

#[test]
fn s86_debug_output_and_errors_show_no_secret_and_no_claim() {
    let canary = "c4n4ry";
    let token = forge(
        HS256,
        format!(r#"{{"exp":1700000300,"{canary}":"{canary}"}}"#),
    );
    let expired = forge(HS256, format!(r#"{{"exp":1,"{canary}":"{canary}"}}"#));
    let verifier = lenient([hs256(None).verifying_key()]);
    let verified = verifier.verify(&token, NOW).unwrap();
    let rejected = verifier.verify(&expired, NOW).unwrap_err();
    let unverified = Unverified::parse(&token).unwrap();
    let cookies = CookieSigner::new(canary.as_bytes());
    let shown = [
        format!("{verified:?} {:?} {verifier:?}", verified.claims()),
        format!("{rejected:?} {rejected}"),
        format!(
            "{unverified:?} {:?} {:?}",
            unverified.header(),
            unverified.claims()
        ),
        format!(
            "{:?} {:?} {:?}",
            hs256(Some("k")),
            hs256(None).verifying_key(),
            Signer::new(hs256(None), None, false)
        ),
        format!("{:?} {:?}", ed25519(), ed25519().verifying_key()),
        format!("{cookies:?} {:?}", cookies.keys("name")),
    ];
    for text in shown {
        assert!(
            !text.contains(canary) && !text.contains("a secret") && !text.contains(&token[..8]),
            "{text}"
        );
    }
    assert!(matches!(rejected, Rejected::Expired(_)));
}

#[test]
fn errors_say_what_is_wrong_in_words() {
    let forged = forge(HS256, "{}").replace("eyJ", "eyK");
    let rejected = lenient([hs256(None).verifying_key()])
        .verify(&forged, NOW)
        .unwrap_err();
    assert_eq!(rejected.to_string(), "the token is malformed");
}
