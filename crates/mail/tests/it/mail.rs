//! Mail, handed to a real mail server.

use std::{path::PathBuf, process::Command, sync::Arc};

use daemun_mail::{
    Courier, DeliveryError, Reason, SetupError, SmtpConfig, SmtpCourier, SmtpLogin, SmtpTls,
    hand_over,
};
use tempfile::TempDir;

use crate::{
    outbox::Mark,
    python::MailServer,
    support::{Room, START, code, free_port, letter, mail_to, smtp, smtp_config, within},
};

fn login(password: &str) -> Option<SmtpLogin> {
    Some(SmtpLogin {
        user: "daemun".into(),
        password: password.into(),
    })
}

#[tokio::test]
async fn a_korean_mail_arrives_as_it_was_written_at_the_one_stored_address() {
    let Some(mut server) = MailServer::start(&[]).await else {
        return;
    };
    let room = Room::new();
    let id = room.post(&mail_to("Someone+tag@Example.com", code("482913")));
    let worker = room.at_work(smtp(server.port));

    let mail = server.event("message").await;
    assert_eq!(mail["sender"], "login@daemun.example");
    assert_eq!(
        mail["recipients"],
        serde_json::json!(["Someone+tag@example.com"])
    );
    let headers = &mail["headers"];
    assert_eq!(headers["from"], "대문 <login@daemun.example>");
    assert_eq!(headers["to"], "Someone+tag@example.com");
    assert_eq!(headers["subject"], "[대문] 이메일 주소 확인");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["date"], "Sat, 21 Nov 2026 07:00:00 +0000");
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("안녕하세요, 대문입니다.") && text.contains("인증 코드: 482913"));
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    assert_eq!(worker.stop().await, 0);
}

#[tokio::test]
async fn letters_share_a_connection_when_all_goes_well() {
    let Some(mut server) = MailServer::start(&[]).await else {
        return;
    };
    let courier = smtp(server.port);
    hand_over(&*courier, &letter("a@example.com"))
        .await
        .unwrap();
    hand_over(&*courier, &letter("b@example.com"))
        .await
        .unwrap();
    let first = server.event("message").await;
    let second = server.event("message").await;
    assert_eq!(first["connection"], second["connection"]);
    assert_eq!(second["recipients"], serde_json::json!(["b@example.com"]));
}

#[tokio::test]
async fn a_server_that_went_away_and_came_back_gets_a_new_connection() {
    let port = free_port().to_string();
    let Some(mut server) = MailServer::start(&["--port", &port]).await else {
        return;
    };
    let courier = smtp(server.port);
    hand_over(&*courier, &letter("a@example.com"))
        .await
        .unwrap();
    server.event("message").await;
    server.stop().await;

    let mut server = MailServer::start(&["--port", &port]).await.unwrap();
    hand_over(&*courier, &letter("b@example.com"))
        .await
        .unwrap();
    server.event("message").await;
}

#[tokio::test]
async fn an_international_domain_travels_in_ascii() {
    let Some(mut server) = MailServer::start(&[]).await else {
        return;
    };
    let courier = smtp(server.port);
    hand_over(&*courier, &letter("someone@한국.kr"))
        .await
        .unwrap();
    let mail = server.event("message").await;
    assert_eq!(
        mail["recipients"],
        serde_json::json!(["someone@xn--3e0b707e.kr"])
    );
}

#[tokio::test]
async fn a_mailbox_name_the_server_cannot_take_is_given_up() {
    let Some(server) = MailServer::start(&[]).await else {
        return;
    };
    assert_eq!(
        hand_over(&*smtp(server.port), &letter("누구@example.com")).await,
        Err(DeliveryError::Permanent(Reason::Protocol))
    );
    assert!(server.stop().await.is_empty());
}

#[tokio::test]
async fn s94_only_one_plain_address_is_ever_mailed() {
    // Nobody listens there: what got past the check would be a failed connection.
    let courier = smtp(free_port());
    for address in [
        "a@example.com\r\nBcc: all@example.com",
        "a@example.com\r\n",
        "a@example.com\nRCPT TO:<b@example.com>",
        "a@example.com,b@example.com",
        "a@example.com b@example.com",
        "<a@example.com>",
        "A <a@example.com>",
        "\"a b\"@example.com",
        "a@[127.0.0.1]",
        " a@example.com",
        "a@example.com\0",
        "",
    ] {
        let outcome = hand_over(&*courier, &letter(address)).await;
        assert_eq!(
            outcome,
            Err(DeliveryError::Permanent(Reason::Address)),
            "{address:?}"
        );
    }
    let outcome = hand_over(&*courier, &letter("a@example.com")).await;
    assert_eq!(outcome, Err(DeliveryError::Transient(Reason::Connection)));
}

#[tokio::test]
async fn a_subject_that_would_be_a_header_is_refused() {
    let mut letter = letter("a@example.com");
    letter.subject = "Hello\r\nBcc: all@example.com".into();
    assert_eq!(
        hand_over(&*smtp(free_port()), &letter).await,
        Err(DeliveryError::Permanent(Reason::Form))
    );
}

#[tokio::test]
async fn a_login_is_used_and_a_wrong_one_is_not_held_against_the_letter() {
    let arguments = ["--login", "daemun", "right password"];
    let Some(mut server) = MailServer::start(&arguments).await else {
        return;
    };
    let courier = |password: &str| {
        let config = SmtpConfig {
            login: login(password),
            ..smtp_config(server.port)
        };
        SmtpCourier::new(config).unwrap()
    };
    let (wrong, right) = (courier("wrong"), courier("right password"));
    assert_eq!(
        hand_over(&wrong, &letter("a@example.com")).await,
        Err(DeliveryError::Transient(Reason::Smtp(535)))
    );
    assert_eq!(server.event("login").await["right"], false);

    hand_over(&right, &letter("a@example.com")).await.unwrap();
    assert_eq!(server.event("login").await["right"], true);
    assert_eq!(server.event("message").await["user"], "daemun");

    let without = smtp(server.port);
    assert_eq!(
        hand_over(&*without, &letter("a@example.com")).await,
        Err(DeliveryError::Transient(Reason::Smtp(530)))
    );
}

#[tokio::test]
async fn starttls_protects_login_and_letter_and_a_strangers_certificate_stops_both() {
    let Some(certificate) = Certificate::make() else {
        return;
    };
    let (cert, key) = (certificate.path("cert.pem"), certificate.path("key.pem"));
    let arguments = [
        "--starttls",
        cert.to_str().unwrap(),
        key.to_str().unwrap(),
        "--login",
        "daemun",
        "right password",
    ];
    let Some(mut server) = MailServer::start(&arguments).await else {
        return;
    };
    let trusting = SmtpConfig {
        tls: SmtpTls::StartTls,
        authority: Some(std::fs::read(&cert).unwrap()),
        login: login("right password"),
        ..smtp_config(server.port)
    };
    let wary = SmtpConfig {
        authority: None,
        ..trusting.clone()
    };
    let wary = SmtpCourier::new(wary).unwrap();
    let refused = hand_over(&wary, &letter("a@example.com")).await;
    assert!(
        matches!(
            refused,
            Err(DeliveryError::Transient(Reason::Tls | Reason::Connection))
        ),
        "{refused:?}"
    );

    let trusting = SmtpCourier::new(trusting).unwrap();
    hand_over(&trusting, &letter("a@example.com"))
        .await
        .unwrap();
    // The first login the server sees is this one.
    assert_eq!(server.event("login").await["right"], true);
    assert_eq!(server.event("message").await["tls"], true);
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_where_starttls_was_asked_for() {
    let Some(server) = MailServer::start(&[]).await else {
        return;
    };
    let config = SmtpConfig {
        tls: SmtpTls::StartTls,
        ..smtp_config(server.port)
    };
    let courier = SmtpCourier::new(config).unwrap();
    assert_eq!(
        hand_over(&courier, &letter("a@example.com")).await,
        Err(DeliveryError::Transient(Reason::Protocol))
    );
    assert!(server.stop().await.is_empty());
}

#[test]
fn a_password_is_not_sent_over_the_network_in_the_clear() {
    let config = SmtpConfig {
        host: "mail.example.com".into(),
        login: login("secret"),
        ..smtp_config(25)
    };
    let refused = SmtpCourier::new(config).unwrap_err();
    assert_eq!(refused, SetupError::PlainLogin("mail.example.com".into()));
    assert!(refused.to_string().contains("starttls"));
}

#[test]
fn a_sender_that_is_no_address_is_refused_at_once() {
    for from in [
        "",
        "daemun",
        "a@example.com, b@example.com",
        "A <a@example.com>\r\nBcc: b@example.com",
    ] {
        let config = SmtpConfig {
            from: from.into(),
            ..smtp_config(25)
        };
        assert_eq!(
            SmtpCourier::new(config).unwrap_err(),
            SetupError::From(from.into())
        );
    }
}

#[tokio::test]
async fn the_same_letter_has_the_same_message_id_each_time_and_no_other_has() {
    let Some(mut server) = MailServer::start(&[]).await else {
        return;
    };
    let courier: Arc<dyn Courier> = smtp(server.port);
    let mut other = letter("a@example.com");
    other.id += 1;
    for letter in [&letter("a@example.com"), &letter("a@example.com"), &other] {
        within(hand_over(&*courier, letter)).await.unwrap();
    }
    let ids = [
        server.event("message").await["message_id"].clone(),
        server.event("message").await["message_id"].clone(),
        server.event("message").await["message_id"].clone(),
    ];
    let micros = START.unix_micros();
    assert_eq!(ids[0], format!("<{micros}.7@daemun.example>"));
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

/// A certificate for 127.0.0.1 that is its own authority.
struct Certificate(TempDir);

impl Certificate {
    fn make() -> Option<Self> {
        let made = Self(TempDir::new().unwrap());
        let status = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
            .args("-subj /CN=mail.test -addext subjectAltName=IP:127.0.0.1".split(' '))
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(made.path("key.pem"))
            .arg("-out")
            .arg(made.path("cert.pem"))
            .stderr(std::process::Stdio::null())
            .status();
        match status {
            Ok(status) => assert!(status.success(), "openssl makes a certificate"),
            Err(_) => {
                eprintln!("skipped: no openssl, so no certificate to test STARTTLS with");
                return None;
            }
        }
        Some(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
