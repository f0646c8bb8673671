//! Tokens that no honest server makes, with good signatures wherever the attacker could have one:
//! the former back end's secret is shared by design. Each is shown to the guard, as a bearer and in
//! a signed cookie, and to refreshing; beside each table stands a good token made the same way, so
//! that nothing is refused for another reason than the one it is there for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    call::{get, header, problem, raw},
    forge::{
        HS256, altered, claims, django, encode, forge, now, payload, sealed, unsigned, with_claim,
    },
    people::{
        EMAIL, Guards, PHONE, Pair, account, email_cookie, native, phone_pair, refresh,
        refresh_cookie, refresh_native,
    },
};
use crate::harness::{Daemun, run, send};

/// A server, and one person's tokens of each contract (of `email-cookie` without Django's signature).
struct Scene {
    daemun: Daemun,
    secret: String,
    native: Pair,
    phone: Pair,
    cookie: Pair,
}

impl Scene {
    async fn new() -> Self {
        let daemun = Daemun::start().await;
        account(&daemun, EMAIL, "mail");
        account(&daemun, PHONE, "phone");
        let cookie = email_cookie(&daemun, EMAIL).await;
        let bare = |cookie: &str| unsigned(cookie).to_owned();
        Self {
            secret: daemun.legacy_secret(),
            native: native(&daemun, EMAIL).await,
            phone: phone_pair(&daemun, PHONE).await,
            cookie: Pair {
                access: bare(&cookie.access),
                refresh: bare(&cookie.refresh),
            },
            daemun,
        }
    }

    /// What the three guards say to an access token made of each contract's own claims.
    async fn guards(&self, make: impl Fn(&str) -> String) -> [u16; 3] {
        let signed = django(
            &self.secret,
            "access_token",
            &make(&self.cookie.access),
            now(),
        );
        [
            Guards::native(&self.daemun, &make(&self.native.access)).await,
            Guards::phone_pair(&self.daemun, &make(&self.phone.access)).await,
            Guards::email_cookie(&self.daemun, &signed).await,
        ]
    }

    /// What refreshing says in the three.
    async fn refreshes(&self, make: impl Fn(&str) -> String) -> [u16; 3] {
        let signed = django(
            &self.secret,
            "refresh_token",
            &make(&self.cookie.refresh),
            now(),
        );
        let cookie = refresh_cookie(&self.daemun, &signed).await;
        assert!(
            cookie.status == 200 || cookie.text.contains("로그인하여"),
            "{cookie:?}"
        );
        [
            refresh_native(&self.daemun, &make(&self.native.refresh))
                .await
                .status,
            refresh(&self.daemun, &make(&self.phone.refresh))
                .await
                .status,
            cookie.status,
        ]
    }

    async fn refused_everywhere(&self, what: &str, make: impl Fn(&str) -> String) {
        assert_eq!(self.guards(&make).await, [401; 3], "{what}, at the guard");
        assert_eq!(
            self.refreshes(&make).await,
            [401; 3],
            "{what}, at refreshing"
        );
    }

    /// A token made of the same claims in the way of the table, without its fault. (Only daemun has
    /// the keys of `native`, so those stay as they are.)
    async fn good(&self, make: impl Fn(&str) -> String) {
        let make = |token: &str| {
            if claims(token)["ctr"] == "native" {
                token.to_owned()
            } else {
                make(token)
            }
        };
        assert_eq!(self.guards(make).await, [200; 3]);
        assert_eq!(self.refreshes(make).await, [200; 3]);
    }
}

#[tokio::test]
async fn s01_to_s08_headers_that_lie_are_refused() {
    let scene = Scene::new().await;
    let jwks = scene.daemun.get("/.well-known/jwks.json").await.json();
    let kid = jwks["keys"][0]["kid"].as_str().unwrap().to_owned();
    let secret = &*scene.secret;
    let with = |header: &str| {
        let header = header.to_owned();
        move |token: &str| forge(secret, &header, payload(token))
    };

    // 2: no algorithm, with the good signature and with none.
    for alg in [
        r#""none""#,
        r#""noNE""#,
        r#""None""#,
        r#""""#,
        r#"["HS256"]"#,
        "null",
        "0",
        r#""hs256""#,
        r#""HS512""#,
        r#""EdDSA""#,
    ] {
        let header = format!(r#"{{"alg":{alg},"typ":"JWT"}}"#);
        scene.refused_everywhere(&header, with(&header)).await;
        let none = |token: &str| format!("{}.{}.", encode(&header), encode(payload(token)));
        scene
            .refused_everywhere(&format!("{header}, unsigned"), none)
            .await;
    }
    scene
        .refused_everywhere("2: no alg at all", with(r#"{"typ":"JWT"}"#))
        .await;
    // 4 and 5: keys that are not the key.
    let long = "k".repeat(10_000);
    for kid in [
        "",
        "../../../../etc/passwd",
        "/dev/null",
        "' OR 1=1 --",
        "a\u{0}b",
        "a\r\nb",
        "legacy",
        &kid,
        &long,
    ] {
        let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
        scene
            .refused_everywhere("5: a kid nobody knows", with(&header))
            .await;
        let empty = |token: &str| {
            sealed(
                b"",
                &format!("{}.{}", encode(&header), encode(payload(token))),
            )
        };
        scene
            .refused_everywhere("5: a kid, and an empty key", empty)
            .await;
    }
    // 7, 8: extensions, encryption, compression.
    for more in [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""crit":["alg"]"#,
        r#""crit":"b64""#,
        r#""b64":false,"crit":["b64"]"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""p2c":1200000,"enc":"A128CBC-HS256","p2s":"AA""#,
    ] {
        let header = format!(r#"{{"alg":"HS256","typ":"JWT",{more}}}"#);
        scene.refused_everywhere(&header, with(&header)).await;
    }
    scene
        .refused_everywhere("8: five parts", |token| format!("{token}.AAAA.AAAA"))
        .await;
    // 20: what an access token of `native` must not call itself is pinned beside the token layer.
    scene.good(with(HS256)).await;
    scene.good(with(r#"{"typ":"JWT","alg":"HS256"}"#)).await;
    scene.good(with(r#"{"alg":"HS256"}"#)).await;
}

#[tokio::test]
async fn s01_a_public_key_is_never_a_secret() {
    let scene = Scene::new().await;
    let jwks = scene.daemun.get("/.well-known/jwks.json").await.json();
    let jwk = &jwks["keys"][0];
    let raw = super::forge::decode(jwk["x"].as_str().unwrap());
    let der = [
        &b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..],
        &raw,
    ]
    .concat();
    let body = base64_simd::STANDARD.encode_to_string(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    let secrets = [
        raw,
        der,
        pem.clone().into_bytes(),
        format!("{pem}\n").into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        jwk.to_string().into_bytes(),
        jwks.to_string().into_bytes(),
        jwk["x"].as_str().unwrap().into(),
        Vec::new(),
    ];
    for header in [
        json!({ "alg": "HS256", "typ": "at+jwt", "kid": jwk["kid"] }),
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": jwk["kid"] }),
        json!({ "alg": "HS256", "typ": "JWT" }),
    ] {
        for secret in &secrets {
            let make = |token: &str| {
                sealed(
                    secret,
                    &format!("{}.{}", encode(header.to_string()), encode(payload(token))),
                )
            };
            scene
                .refused_everywhere("signed with what is public", make)
                .await;
        }
    }
    let refused = scene
        .daemun
        .get_as(
            &altered("x", &scene.native.access, |_| ()),
            "/v1/accounts/me",
        )
        .await;
    assert_eq!(problem(&refused), "invalid_token");
    assert_eq!(
        header(&refused, "www-authenticate"),
        Some(r#"Bearer error="invalid_token""#)
    );
}

#[tokio::test]
async fn s06_where_a_header_points_nobody_goes() {
    let scene = Scene::new().await;
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", trap.local_addr().unwrap());
    for member in ["jku", "x5u", "x5c", "jwk"] {
        let value = match member {
            "x5c" => json!([url]),
            "jwk" => json!({ "kty": "oct", "k": encode("attacker's own secret, long enough") }),
            _ => json!(url),
        };
        let header = json!({ "alg": "HS256", "typ": "JWT", member: value }).to_string();
        let attacker = |token: &str| {
            forge(
                "attacker's own secret, long enough",
                &header,
                payload(token),
            )
        };
        scene.refused_everywhere(member, attacker).await;
        let eddsa =
            json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "x", member: value }).to_string();
        scene
            .refused_everywhere(member, |token| forge("x", &eddsa, payload(token)))
            .await;
        // Beside a good signature it is looked at no more than any other member.
        scene
            .good(|token| forge(&scene.secret, &header, payload(token)))
            .await;
    }
    let went = trap.accept();
    assert!(
        matches!(&went, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        "{went:?}"
    );
}

#[tokio::test]
async fn s09_to_s11_and_s14_claims_that_are_none_are_refused() {
    let scene = Scene::new().await;
    let secret = &*scene.secret;
    let make = |claims: &dyn Fn(&str) -> Vec<u8>, token: &str| forge(secret, HS256, claims(token));
    let text = |alter: fn(String) -> String| move |token: &str| alter(payload(token)).into_bytes();

    type Rewrite = Box<dyn Fn(&str) -> Vec<u8>>;
    let tables: Vec<(&str, Rewrite)> = vec![
        (
            "10: UTF-16",
            Box::new(|token: &str| {
                payload(token)
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes)
                    .collect()
            }),
        ),
        (
            "10: BOM",
            Box::new(text(|claims| format!("\u{feff}{claims}"))),
        ),
        (
            "10: invalid UTF-8",
            Box::new(|token: &str| {
                [
                    payload(token).trim_end_matches('}').as_bytes(),
                    b",\"x\":\"\xff\xfe\"}",
                ]
                .concat()
            }),
        ),
        (
            "10: a lone surrogate",
            Box::new(text(|claims| claims.replacen('{', r#"{"x":"\ud800","#, 1))),
        ),
        (
            "11: exp twice",
            Box::new(text(|claims| {
                claims.replacen('{', r#"{"exp":9999999999,"#, 1)
            })),
        ),
        (
            "11: user_id twice",
            Box::new(text(|claims| claims.replacen('{', r#"{"user_id":1,"#, 1))),
        ),
        (
            "11: twice, once escaped",
            Box::new(text(|claims| {
                claims.replacen('{', r#"{"user_\u0069d":1,"#, 1)
            })),
        ),
        (
            "11: twice, further down",
            Box::new(text(|claims| {
                claims.replacen('{', r#"{"x":[{"a":1,"a":2}],"#, 1)
            })),
        ),
        (
            "claims that are a list",
            Box::new(text(|claims| format!("[{claims}]"))),
        ),
        (
            "claims and more",
            Box::new(text(|claims| format!("{claims}{{}}"))),
        ),
        ("no claims", Box::new(text(|_| "{}".into()))),
        ("nothing", Box::new(text(|_| String::new()))),
    ];
    for (what, claims) in &tables {
        scene
            .refused_everywhere(what, |token| make(claims, token))
            .await;
    }
    let in_claims: Vec<(&str, &str, Option<Value>)> = vec![
        ("14: no exp", "exp", None),
        (
            "14: exp as text",
            "exp",
            Some(json!((now() + 60).to_string())),
        ),
        ("14: exp negative", "exp", Some(json!(-1))),
        ("14: exp null", "exp", Some(Value::Null)),
        ("14: exp true", "exp", Some(json!(true))),
        ("14: exp a list", "exp", Some(json!([now() + 60]))),
        ("15: exp now", "exp", Some(json!(now()))),
        ("15: nbf ahead", "nbf", Some(json!(now() + 100))),
        ("15: iat ahead", "iat", Some(json!(now() + 100))),
        ("17: for another", "aud", Some(json!("other"))),
        ("18: nobody", "user_id", None),
        ("18: a name", "user_id", Some(json!("mina"))),
        ("18: nought", "user_id", Some(json!(0))),
        ("18: a fraction", "user_id", Some(json!(1.5))),
        ("18: a list", "user_id", Some(json!([1]))),
        ("no session", "sid", None),
        ("a session that is none", "sid", Some(json!("1"))),
        ("no contract", "ctr", None),
        ("another contract", "ctr", Some(json!("native"))),
        ("no type", "token_type", None),
        ("another type", "token_type", Some(json!("sliding"))),
    ];
    for (what, name, value) in &in_claims {
        let alter = |token: &str| {
            altered(secret, token, |claims| match value {
                Some(value) => drop(claims.insert((*name).into(), value.clone())),
                None => drop(claims.shift_remove(*name)),
            })
        };
        scene.refused_everywhere(what, alter).await;
    }
    let huge = |token: &str| {
        let exp = claims(token)["exp"].to_string();
        payload(token)
            .replacen(&format!("\"exp\":{exp}"), "\"exp\":1e400", 1)
            .into_bytes()
    };
    scene
        .refused_everywhere("14: exp beyond all numbers", |token| make(&huge, token))
        .await;
    let spaced = |token: &str| payload(token).replace(',', " ,\n\t").into_bytes();
    scene.good(|token| make(&spaced, token)).await;
    scene
        .good(|token| with_claim(secret, token, "more", json!({ "a": [1] })))
        .await;
}

#[tokio::test]
async fn s09_tokens_that_are_written_otherwise_are_refused() {
    let scene = Scene::new().await;
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    type Rewrite = fn(Vec<String>) -> String;
    let rewritten: [(&str, Rewrite); 13] = [
        ("two parts", |p| format!("{}.{}", p[0], p[1])),
        ("four parts", |p| format!("{}.", p.join("."))),
        ("six parts", |p| format!("{0}.{0}", p.join("."))),
        ("no header", |p| format!(".{}.{}", p[1], p[2])),
        ("no signature", |p| format!("{}.{}.", p[0], p[1])),
        ("padded header", |p| format!("{}=.{}.{}", p[0], p[1], p[2])),
        ("padded signature", |p| format!("{}=", p.join("."))),
        ("JSON serialisation", |p| {
            json!({ "protected": p[0], "payload": p[1], "signature": p[2] })
                .to_string()
                .replace(' ', "")
        }),
        ("standard alphabet", |p| {
            format!("{}.{}.{}+/", p[0], p[1], &p[2][..p[2].len() - 2])
        }),
        ("a space within", |p| {
            format!("{}.%20{}.{}", p[0], p[1], p[2])
        }),
        ("cut short", |p| {
            let token = p.join(".");
            token[..token.len() - 1].to_owned()
        }),
        ("prolonged", |p| format!("{}A", p.join("."))),
        ("spare bits", |p| {
            // 43 characters hold 258 bits: of the last, two are spare.
            const ALPHABET: &str =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = p[2].chars().last().unwrap();
            let turned = ALPHABET
                .chars()
                .nth(ALPHABET.find(last).unwrap() | 1)
                .unwrap();
            assert_ne!(last, turned, "an honest server leaves them zero");
            format!("{}.{}.{}{turned}", p[0], p[1], &p[2][..p[2].len() - 1])
        }),
    ];
    for (what, rewrite) in rewritten {
        scene
            .refused_everywhere(what, |token| rewrite(parts(token)))
            .await;
    }
    // With spaces in it a bearer is three words, and a JSON string is still not a token.
    for (lead, trail) in [
        (" ", ""),
        ("", " "),
        ("\n", ""),
        ("", "\u{a0}"),
        ("\u{feff}", ""),
    ] {
        for token in [&scene.native.refresh, &scene.phone.refresh] {
            let spaced = format!("{lead}{token}{trail}");
            let answers = [
                refresh_native(&scene.daemun, &spaced).await,
                refresh(&scene.daemun, &spaced).await,
            ];
            assert!(
                answers.iter().all(|answer| answer.status == 401),
                "{answers:?}"
            );
        }
    }
    scene.good(str::to_owned).await;
}

#[tokio::test]
async fn s10_bytes_that_are_no_text_are_refused_in_the_contracts_words() {
    let scene = Scene::new().await;
    for (path, expected) in [
        ("/v1/accounts/me", "bad_authorization_header"),
        ("/accounts/me/", "bad_authorization_header"),
    ] {
        for bytes in [
            &b"Bearer \xff\xfe.\xff.\xff"[..],
            b"Bearer \xef\xbb\xbfx.y.z",
            b"\xff",
        ] {
            let request = [
                format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ")
                    .as_bytes(),
                bytes,
                b"\r\n\r\n",
            ]
            .concat();
            let answer = raw(&scene.daemun, request).await;
            assert_eq!(answer.status, 401, "{answer:?}");
            assert!(answer.body.contains(expected), "{answer:?}");
        }
        // Two headers are not one with a comma, and neither counts.
        let two = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {0}\r\nAuthorization: Bearer {0}\r\n\r\n",
            scene.native.access
        );
        let answer = raw(&scene.daemun, two).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.body.contains(expected), "{answer:?}");
    }
    let cookie = b"GET /api/accounts/me/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: access_token=\xff\xfe\r\n\r\n";
    let answer = raw(&scene.daemun, cookie).await;
    assert!(
        answer.status == 401 && answer.body.contains("access 토큰이 필요합니다."),
        "{answer:?}"
    );
}

#[test]
fn s12_a_secret_shorter_than_its_hash_keeps_the_server_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["dev", "--port", "0", "--data", data.to_str().unwrap()];
    for secret in ["s", "thirty-one bytes are too few !!", &" ".repeat(31)] {
        let ran = run(&arguments, &[("DAEMUN_LEGACY_SECRET", secret)], "").expect(1);
        assert!(ran.stderr.contains("needs at least 32"), "{ran:?}");
        assert!(!ran.stderr.contains("thirty-one"), "{ran:?}");
    }
}

/// Under a millisecond where the server is built for use; here, unoptimised and beside other tests,
/// only that nothing grows with what is sent.
#[tokio::test]
async fn s22_large_and_costly_tokens_cost_nothing() {
    let scene = Scene::new().await;
    let daemun = &scene.daemun;
    let dots = ".".repeat(8_000);
    let pbes = forge(
        "x",
        r#"{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2c":1200000,"p2s":"AAAA"}"#,
        "{}",
    );
    let deep = forge(
        &scene.secret,
        HS256,
        format!("{{\"x\":{}{}}}", "[".repeat(4_000), "]".repeat(4_000)),
    );
    let tokens = [dots, pbes, deep];
    for token in &tokens {
        let begun = Instant::now();
        scene.refused_everywhere("costly", |_| token.clone()).await;
        assert!(
            begun.elapsed() < Duration::from_millis(500),
            "{:?}",
            begun.elapsed()
        );
    }
    let begun = Instant::now();
    for length in [40_000, 1_000_000] {
        let header = format!(
            "GET /v1/accounts/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
            "a".repeat(length)
        );
        let answer = raw(daemun, header).await;
        assert_eq!(answer.status, 431, "{answer:?}");
    }
    let long = "a.b.".repeat(15_000);
    for answer in [
        refresh_native(daemun, &long).await,
        refresh(daemun, &long).await,
    ] {
        assert_eq!(answer.status, 401);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(send(get(daemun, "/readyz")).await.status, 200);
}
