//! Tokens that lie. The numbers are those of the list of attacks.

use std::time::{Duration, Instant};

use aws_lc_rs::{digest, hmac};
use daemun_verify::{Profile, Refusal, ResourceServer, SigningKey, test_kit::TestIssuer};
use serde_json::{Value, json};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn hs256(secret: &[u8], header: &Value, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims));
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret),
        signed.as_bytes(),
    );
    format!("{signed}.{}", encode(tag))
}

struct Scene {
    issuer: TestIssuer,
    server: ResourceServer,
    kid: String,
    /// A good token, and its parts.
    good: String,
    claims: String,
}

fn scene() -> Scene {
    let issuer = TestIssuer::native();
    let good = issuer.token(7).mint();
    let claims = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(good.split('.').nth(1).unwrap())
        .unwrap();
    Scene {
        server: issuer.resource_server(),
        kid: issuer.verifying_key().kid().unwrap().to_owned(),
        good,
        claims: String::from_utf8(claims).unwrap(),
        issuer,
    }
}

impl Scene {
    async fn refused(&self, token: &str) -> Refusal {
        self.server.check(token).await.expect_err(token)
    }

    /// The good token under another header, its signature kept.
    fn with_header(&self, header: impl AsRef<[u8]>) -> String {
        let rest = self.good.split_once('.').unwrap().1;
        format!("{}.{rest}", encode(header))
    }
}

#[tokio::test]
async fn s01_a_public_key_is_no_secret() {
    let scene = scene();
    let jwk = scene.issuer.verifying_key().to_jwk().unwrap();
    let x = jwk["x"].as_str().unwrap();
    let raw = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(x).unwrap();
    let der = [
        &b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..],
        &raw,
    ]
    .concat();
    let body = base64_simd::STANDARD.encode_to_string(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let secrets = [
        raw.clone(),
        der,
        pem.clone().into_bytes(),
        pem.trim().into(),
        jwk.to_string().into_bytes(),
        x.into(),
    ];
    for secret in secrets {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": scene.kid });
        let forged = hs256(&secret, &header, &scene.claims);
        assert_eq!(scene.refused(&forged).await, Refusal::InvalidToken);
        let header = json!({ "alg": "HS256", "typ": "at+jwt" });
        assert_eq!(
            scene.refused(&hs256(&secret, &header, &scene.claims)).await,
            Refusal::InvalidToken
        );
    }
}

#[tokio::test]
async fn s02_to_s08_headers_that_lie_are_refused_and_nobody_is_asked() {
    let scene = scene();
    let kid = &scene.kid;
    for header in [
        json!({ "alg": "none", "typ": "at+jwt" }),
        json!({ "alg": "noNE", "typ": "at+jwt" }),
        json!({ "alg": "", "typ": "at+jwt" }),
        json!({ "typ": "at+jwt" }),
        json!({ "alg": ["EdDSA"], "typ": "at+jwt" }),
        json!({ "alg": "PS256", "typ": "at+jwt", "kid": kid }),
        json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "unknown" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k".repeat(10_000) }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "../../etc/passwd" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "' OR 1=1 --" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "a\u{0}b\r\nc" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "jku": "http://127.0.0.1:9/" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "x5u": "http://127.0.0.1:9/" }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "jwk": {} }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "crit": ["exp"] }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "crit": [] }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "b64": false }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid, "zip": "DEF" }),
        json!({ "alg": "dir", "enc": "A256GCM", "typ": "at+jwt" }),
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": 1_200_000 }),
    ] {
        let forged = scene.with_header(header.to_string());
        assert_eq!(
            scene.refused(&forged).await,
            Refusal::InvalidToken,
            "{header}"
        );
        let unsigned = forged.rsplit_once('.').unwrap().0.to_owned() + ".";
        assert_eq!(
            scene.refused(&unsigned).await,
            Refusal::InvalidToken,
            "{header}"
        );
    }
}

#[tokio::test]
async fn s09_s10_s11_other_spellings_are_refused() {
    let scene = scene();
    let good = &scene.good;
    let parts: Vec<&str> = good.split('.').collect();
    let doubled = format!(
        r#"{{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"{}"}}"#,
        scene.kid
    );
    let marked = format!(
        "\u{feff}{{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"{}\"}}",
        scene.kid
    );
    for wrong in [
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}\n"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}.x"),
        format!("{good}.x.y.z"),
        format!("{}..{}", parts[0], parts[2]),
        json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string(),
        scene.with_header(doubled),
        scene.with_header(marked),
        scene.with_header([0xff, 0xfe, b'{', 0, b'}', 0]),
        String::new(),
        ".".into(),
        "..".into(),
    ] {
        assert_eq!(
            scene.refused(&wrong).await,
            Refusal::InvalidToken,
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn s14_s15_times_are_asked_for_and_exact() {
    let scene = scene();
    let now = scene.issuer.now();
    let draft = || scene.issuer.token(7);
    let ok = |token: String| {
        let server = scene.server.clone();
        async move { server.check(&token).await.map(|_| ()) }
    };
    assert_eq!(ok(draft().claim("exp", now + 1).mint()).await, Ok(()));
    assert_eq!(
        ok(draft().claim("exp", now).mint()).await,
        Err(Refusal::Expired)
    );
    assert_eq!(
        ok(draft().without("exp").mint()).await,
        Err(Refusal::InvalidToken)
    );
    for bad in [json!("9999999999"), json!(-1), Value::Null] {
        assert_eq!(
            ok(draft().claim("exp", bad).mint()).await,
            Err(Refusal::InvalidToken)
        );
    }
    for claim in ["nbf", "iat"] {
        assert_eq!(ok(draft().claim(claim, now).mint()).await, Ok(()));
        assert_eq!(
            ok(draft().claim(claim, now + 1).mint()).await,
            Err(Refusal::InvalidToken)
        );
    }
}

#[tokio::test]
async fn s15_leeway_is_exact_too_and_for_remembered_tokens() {
    let issuer = TestIssuer::native();
    let server =
        ResourceServer::with_keys([issuer.verifying_key()], Profile::native(TestIssuer::NAME))
            .clock(issuer.clock())
            .leeway(600)
            .build()
            .await
            .unwrap();
    let token = issuer.token(7).mint();
    issuer.advance(300 + 59);
    assert!(server.check(&token).await.is_ok());
    assert!(server.check(&token).await.is_ok());
    issuer.advance(1);
    assert_eq!(server.check(&token).await.unwrap_err(), Refusal::Expired);
}

#[tokio::test]
async fn s16_s17_tokens_of_others_and_for_others_are_refused() {
    let scene = scene();
    let us = TestIssuer::NAME;
    for (claim, value) in [
        ("iss", json!("https://issuer.test/")),
        ("iss", json!("https://issuer")),
        ("iss", json!([us])),
        ("aud", json!("https://issuer")),
        ("aud", json!(["https://other.test"])),
        ("aud", json!([])),
        ("aud", json!(7)),
    ] {
        let forged = scene.issuer.token(7).claim(claim, value.clone()).mint();
        assert_eq!(
            scene.refused(&forged).await,
            Refusal::InvalidToken,
            "{claim} {value}"
        );
    }
    for claim in ["iss", "aud", "sub", "ctr"] {
        let lacking = scene.issuer.token(7).without(claim).mint();
        assert_eq!(
            scene.refused(&lacking).await,
            Refusal::InvalidToken,
            "{claim}"
        );
    }
    let shared = scene
        .issuer
        .token(7)
        .claim("aud", json!(["https://other.test", us]))
        .mint();
    assert!(scene.server.check(&shared).await.is_ok());
}

#[tokio::test]
async fn s19_s20_only_access_tokens_of_the_right_type_open_a_route() {
    let scene = scene();
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        assert!(
            scene
                .server
                .check(&scene.issuer.token(7).typ(Some(typ)).mint())
                .await
                .is_ok()
        );
    }
    for typ in [
        Some("JWT"),
        None,
        Some("at+jwt "),
        Some("assertion+jwt"),
        Some("rt+jwt"),
    ] {
        let forged = scene.issuer.token(7).typ(typ).mint();
        assert_eq!(scene.refused(&forged).await, Refusal::WrongType, "{typ:?}");
    }
    assert_eq!(
        scene.refused(&scene.issuer.token(7).refresh().mint()).await,
        Refusal::WrongType
    );
    let other = scene.issuer.token(7).claim("ctr", "phone-pair").mint();
    assert_eq!(scene.refused(&other).await, Refusal::InvalidToken);
}

#[tokio::test]
async fn s22_large_and_degenerate_tokens_cost_next_to_nothing() {
    let scene = scene();
    let header = encode(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":1200000}"#);
    for token in [
        "x".repeat(1_000_000),
        ".".repeat(8_192),
        format!("{header}.e30.AA"),
    ] {
        let fastest = (0..20).map(|_| timed(&scene.server, &token)).min().unwrap();
        assert!(
            fastest < Duration::from_millis(1),
            "{} bytes: {fastest:?}",
            token.len()
        );
    }
}

fn timed(server: &ResourceServer, token: &str) -> Duration {
    let begun = Instant::now();
    let mut check = std::pin::pin!(server.check(token));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = check.as_mut().poll(&mut context);
    let took = begun.elapsed();
    assert!(matches!(
        polled,
        std::task::Poll::Ready(Err(Refusal::InvalidToken))
    ));
    took
}

#[tokio::test]
async fn s36_a_wrong_signature_is_refused_whatever_else_is_right() {
    let scene = scene();
    let stranger = SigningKey::ed25519_from_seed(Some(&scene.kid), &[9; 32]).unwrap();
    assert_eq!(
        scene
            .refused(&scene.issuer.token(7).mint_with(&stranger))
            .await,
        Refusal::InvalidToken
    );
    // A remembered token does not vouch for one that differs in a bit.
    assert!(scene.server.check(&scene.good).await.is_ok());
    let (signed, signature) = scene.good.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let flipped = format!("{signed}.{first}{}", &signature[1..]);
    assert_eq!(scene.refused(&flipped).await, Refusal::InvalidToken);
}

#[tokio::test]
async fn s86_nothing_shown_for_debugging_tells_a_token_or_a_person() {
    let scene = scene();
    let principal = scene.server.check(&scene.good).await.unwrap();
    let shown = format!(
        "{principal:?} {:?} {:?} {:?}",
        principal.subject(),
        scene.server,
        scene.server.layer()
    );
    let digest = encode(digest::digest(&digest::SHA256, scene.good.as_bytes()));
    for secret in [scene.good.as_str(), &digest, "\"7\"", "Account(7)"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// Tokens under secrets are remembered when they come again, those under public keys at once; found by their ends.
#[tokio::test]
async fn however_often_a_token_came_it_ends_in_time_and_lends_its_signature_to_none() {
    let secret = b"a secret of thirty-two bytes or more";
    for times in 0..4 {
        for issuer in [
            TestIssuer::native(),
            TestIssuer::phone_pair(secret).unwrap(),
        ] {
            let server = issuer.resource_server();
            let (ended, expires) = (issuer.token(7), issuer.token(7).mint());
            for _ in 0..times {
                assert!(server.check(&ended.mint()).await.is_ok());
                assert!(server.check(&expires).await.is_ok());
            }
            let (_, signature) = expires.rsplit_once('.').unwrap();
            let other = issuer.token(8).mint();
            let (signed, _) = other.rsplit_once('.').unwrap();
            let forged = server.check(&format!("{signed}.{signature}")).await;
            assert_eq!(forged.unwrap_err(), Refusal::InvalidToken, "{times}");
            let entry = issuer.end_session(&ended.session()).unwrap();
            server.revocations().apply(&[entry]);
            let dead = server.check(&ended.mint()).await;
            assert_eq!(dead.unwrap_err(), Refusal::Revoked, "{times}");
            issuer.advance(300);
            let over = server.check(&expires).await;
            assert_eq!(over.unwrap_err(), Refusal::Expired, "{times}");
        }
    }
}
