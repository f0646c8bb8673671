//! What the layer costs above the bare primitive: `cargo run --release -p daemun-token --example token_speed`.
//!
//! Both sides work on the same bytes. Each figure is the median of many short runs, interleaved so that a change of
//! the machine's pace meets both.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use daemun_token::{Access, Algorithm, Signer, SigningKey, TypRule, Verifier};

const SECRET: &[u8; 64] = b"sixty-four bytes of a secret that is good enough for a benchmark";
const SEED: [u8; 32] = [7; 32];
const NOW: i64 = 1_700_000_000;
const CLAIMS: &[u8] = br#"{"token_type":"access","exp":1700000300,"iat":1700000000,"jti":"0123456789abcdef0123456789abcdef","user_id":1,"sid":"0192f3c1a5b27c3d8e4f5a6b7c8d9e0f"}"#;
const RUNS: usize = 301;

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "{:<14}{:>12}{:>12}{:>8}",
        "", "bare ns", "layer ns", "ratio"
    );
    for (algorithm, hash) in [
        (Algorithm::Hs256, hmac::HMAC_SHA256),
        (Algorithm::Hs512, hmac::HMAC_SHA512),
    ] {
        symmetric(algorithm, hash)?;
    }
    ed25519()
}

fn symmetric(algorithm: Algorithm, hash: hmac::Algorithm) -> Result<(), Box<dyn Error>> {
    let bare = hmac::Key::new(hash, SECRET);
    let signer = Signer::new(
        SigningKey::hmac(algorithm, None, SECRET)?,
        Some("JWT"),
        false,
    );
    let token = signer.sign(CLAIMS);
    let verifier = Verifier::<Access>::builder()
        .key(signer.key().verifying_key())
        .typ(TypRule::JwtOrAbsent)
        .claim_equals("token_type", "access")
        .require("user_id")
        .build();
    verifier.verify(&token, NOW)?;
    let (signed, _) = token.rsplit_once('.').ok_or("no token")?;
    let tag = hmac::sign(&bare, signed.as_bytes());
    let check =
        || hmac::verify(&bare, black_box(signed.as_bytes()), black_box(tag.as_ref())).is_ok();
    report(&format!("{algorithm} verify"), 1_000, check, || {
        verifier.verify(black_box(&token), black_box(NOW))
    });
    let make = || hmac::sign(&bare, black_box(signed.as_bytes()));
    report(&format!("{algorithm} sign"), 1_000, make, || {
        signer.sign(black_box(CLAIMS))
    });
    Ok(())
}

fn ed25519() -> Result<(), Box<dyn Error>> {
    let bare = Ed25519KeyPair::from_seed_unchecked(&SEED)?;
    let public = ParsedPublicKey::new(&ED25519, bare.public_key())?;
    let signer = Signer::new(
        SigningKey::ed25519_from_seed(None, &SEED)?,
        Some("at+jwt"),
        true,
    );
    let token = signer.sign(CLAIMS);
    let verifier = Verifier::<Access>::builder()
        .key(signer.key().verifying_key())
        .typ(TypRule::AtJwt)
        .require("sid")
        .build();
    verifier.verify(&token, NOW)?;
    let (signed, _) = token.rsplit_once('.').ok_or("no token")?;
    let signature = bare.sign(signed.as_bytes());
    let check = || {
        public
            .verify_sig(black_box(signed.as_bytes()), black_box(signature.as_ref()))
            .is_ok()
    };
    report("EdDSA verify", 20, check, || {
        verifier.verify(black_box(&token), black_box(NOW))
    });
    let make = || bare.sign(black_box(signed.as_bytes()));
    report("EdDSA sign", 60, make, || signer.sign(black_box(CLAIMS)));
    Ok(())
}

fn report<A, B>(name: &str, rounds: u32, bare: impl Fn() -> A, layer: impl Fn() -> B) {
    let (mut bare_runs, mut layer_runs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        bare_runs.push(time(rounds, &bare));
        layer_runs.push(time(rounds, &layer));
    }
    let (bare, layer) = (median(bare_runs), median(layer_runs));
    println!("{name:<14}{bare:>12.0}{layer:>12.0}{:>8.2}", layer / bare);
}

/// Nanoseconds a call.
fn time<T>(rounds: u32, work: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(work());
    }
    start.elapsed().as_nanos() as f64 / f64::from(rounds)
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}
