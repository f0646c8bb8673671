//! What becomes of mail when the mail server is down, busy, deaf, or wants none of it.

use std::{sync::Arc, time::Duration};

use daemun_mail::{SmtpConfig, SmtpCourier};

use crate::{
    outbox::Mark,
    python::{MailServer, python},
    support::{Room, code, free_port, mail_to, smtp, smtp_config},
};

#[tokio::test]
async fn f16_mail_is_sent_once_each_when_the_server_is_back() {
    if python().is_none() {
        return;
    }
    let port = free_port();
    let room = Room::new();
    let ids = ["a@example.com", "b@example.com", "c@example.com"]
        .map(|to| room.post(&mail_to(to, code("482913"))));
    let worker = room.at_work(smtp(port));
    for _ in 0..12 {
        let mark = room.outbox.mark().await;
        assert!(
            matches!(mark, Mark::Retry(_, ref why) if why == "connection"),
            "{mark:?}"
        );
    }

    let server = MailServer::start(&["--port", &port.to_string()])
        .await
        .unwrap();
    let mut sent = Vec::new();
    while sent.len() < ids.len() {
        match room.outbox.mark().await {
            Mark::Sent(id) => sent.push(id),
            Mark::Retry(_, why) => assert_eq!(why, "connection"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(worker.stop().await, 0);

    let mails = server.stop().await;
    let mut recipients: Vec<_> = mails
        .iter()
        .map(|mail| mail["recipients"][0].as_str().unwrap())
        .collect();
    recipients.sort_unstable();
    assert_eq!(
        recipients,
        ["a@example.com", "b@example.com", "c@example.com"]
    );
}

#[tokio::test]
async fn a_server_that_says_later_is_asked_again_with_the_same_letter() {
    let Some(mut server) = MailServer::start(&["--script", "451,421"]).await else {
        return;
    };
    let room = Room::new();
    let id = room.post(&mail_to("a@example.com", code("482913")));
    let worker = room.at_work(smtp(server.port));
    assert_eq!(room.outbox.mark().await, Mark::Retry(id, "smtp 451".into()));
    assert_eq!(room.outbox.mark().await, Mark::Retry(id, "smtp 421".into()));
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));

    let first = server.event("refused").await;
    server.event("refused").await;
    let last = server.event("message").await;
    for same in ["message_id", "headers", "text"] {
        assert_eq!(first[same], last[same]);
    }
    worker.stop().await;
    assert!(server.stop().await.is_empty());
}

#[tokio::test]
async fn a_server_that_says_never_is_not_asked_again_and_holds_up_nobody() {
    let Some(mut server) = MailServer::start(&["--script", "554"]).await else {
        return;
    };
    let room = Room::new();
    let refused = room.post(&mail_to("a@example.com", code("482913")));
    let worker = room.at_work(smtp(server.port));
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(refused, "smtp 554".into())
    );
    let unknown = room.post(&mail_to("nobody@example.com", code("482913")));
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(unknown, "smtp 550".into())
    );
    let fine = room.post(&mail_to("b@example.com", code("482913")));
    assert_eq!(room.outbox.mark().await, Mark::Sent(fine));

    server.event("refused").await;
    server.event("refused").await;
    server.event("message").await;
    worker.stop().await;
    assert!(server.stop().await.is_empty());
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_timeout_and_its_connection() {
    let Some(mut server) = MailServer::start(&["--script", "silent"]).await else {
        return;
    };
    let config = SmtpConfig {
        timeout: Duration::from_secs(2),
        ..smtp_config(server.port)
    };
    let room = Room::new();
    let id = room.post(&mail_to("a@example.com", code("482913")));
    let worker = room.at_work(Arc::new(SmtpCourier::new(config).unwrap()));
    let silent = server.event("silent").await;
    assert_eq!(room.outbox.mark().await, Mark::Retry(id, "timeout".into()));

    // Were the connection used again, the late reply to the first try would be taken for a reply
    // to the second.
    let again = server.event("message").await;
    assert_ne!(silent["connection"], again["connection"]);
    assert_eq!(silent["message_id"], again["message_id"]);
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    worker.stop().await;
}
