//! Revocations, over a real stream.

use std::time::{Duration, Instant};

use daemun_verify::{Builder, Refusal, ResourceServer, Stale, test_kit::TestIssuer};

use crate::fake::{Fake, Stream, quick, session_entry};

struct Scene {
    fake: Fake,
    issuer: TestIssuer,
    server: ResourceServer,
    stream: Stream,
}

fn follows(fake: &Fake, issuer: &TestIssuer) -> Builder {
    ResourceServer::with_keys(
        [issuer.verifying_key()],
        daemun_verify::Profile::native(TestIssuer::NAME),
    )
    .clock(issuer.clock())
    .reach_at(&fake.url)
    .revocations("a service key")
    .verifier_name("notes-1")
    .when_stale(Duration::from_secs(3_600), Stale::Deny)
    .timing(quick())
}

/// A verifier that has had its first snapshot.
async fn scene(entries: &str) -> Scene {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = follows(&fake, &issuer).build().await.unwrap();
    let mut stream = fake.connection().await;
    stream.open().await;
    stream.snapshot("e.10", entries).await;
    fake.acknowledged("e.10").await;
    Scene {
        fake,
        issuer,
        server,
        stream,
    }
}

async fn refused(server: &ResourceServer, token: &str) -> Option<Refusal> {
    server.check(token).await.err()
}

#[tokio::test]
async fn a_snapshot_and_then_news_reach_the_guard() {
    let issuer = TestIssuer::native();
    let (first, second) = (issuer.token(7), issuer.token(7));
    let mut scene = scene(&session_entry(&first.session())).await;
    let said = &scene.stream.request;
    assert_eq!(said.headers["authorization"], "Bearer a service key");
    assert_eq!(said.headers["accept"], "text/event-stream");
    assert_eq!(said.headers["daemun-verifier"], "notes-1");
    assert!(!said.headers.contains_key("last-event-id"));
    assert_eq!(
        refused(&scene.server, &first.mint()).await,
        Some(Refusal::Revoked)
    );
    assert_eq!(refused(&scene.server, &second.mint()).await, None);
    scene
        .stream
        .entries("e.11", &session_entry(&second.session()))
        .await;
    scene.fake.acknowledged("e.11").await;
    assert_eq!(
        refused(&scene.server, &second.mint()).await,
        Some(Refusal::Revoked)
    );
}

#[tokio::test]
async fn an_accounts_revocation_ends_what_began_before_and_nothing_later() {
    let mut scene = scene("").await;
    let early = scene.issuer.token(7).mint();
    let other = scene.issuer.token(8).mint();
    let before = scene.issuer.now() * 1_000;
    let entry = format!(r#"{{"account":7,"before":{before},"until":4000000000}}"#);
    scene.stream.entries("e.11", &entry).await;
    scene.fake.acknowledged("e.11").await;
    scene.issuer.advance(1);
    assert_eq!(refused(&scene.server, &early).await, Some(Refusal::Revoked));
    assert_eq!(refused(&scene.server, &other).await, None);
    assert_eq!(
        refused(&scene.server, &scene.issuer.token(7).mint()).await,
        None
    );
}

#[tokio::test]
async fn what_began_before_a_store_lost_its_data_ends_for_everybody() {
    let mut scene = scene("").await;
    let early = [7, 8].map(|account| scene.issuer.token(account).mint());
    assert_eq!(refused(&scene.server, &early[0]).await, None);
    let before = scene.issuer.now() * 1_000;
    let entry = format!(r#"{{"everything":true,"before":{before},"until":4000000000}}"#);
    scene.stream.entries("e.11", &entry).await;
    scene.fake.acknowledged("e.11").await;
    scene.issuer.advance(1);
    for token in &early {
        assert_eq!(refused(&scene.server, token).await, Some(Refusal::Revoked));
    }
    let later = scene.issuer.token(7).mint();
    assert_eq!(refused(&scene.server, &later).await, None);
}

#[tokio::test]
async fn what_a_revoked_key_signed_is_believed_no_more_remembered_or_not() {
    let mut scene = scene("").await;
    let token = scene.issuer.token(7).mint();
    assert_eq!(refused(&scene.server, &token).await, None);
    let key = scene.issuer.verifying_key();
    let entry = format!(r#"{{"key":"{}","until":4000000000}}"#, key.kid().unwrap());
    scene.stream.entries("e.11", &entry).await;
    scene.fake.acknowledged("e.11").await;
    assert_eq!(
        refused(&scene.server, &token).await,
        Some(Refusal::InvalidToken)
    );
    assert_eq!(
        refused(&scene.server, &scene.issuer.token(8).mint()).await,
        Some(Refusal::InvalidToken)
    );
}

#[tokio::test]
async fn after_a_break_it_goes_on_where_it_was() {
    let mut scene = scene("").await;
    let token = scene.issuer.token(7);
    scene
        .stream
        .event("heartbeat", "e.12", r#"{"seq":12}"#)
        .await;
    scene.stream.entries("e.13", "").await;
    scene.fake.acknowledged("e.13").await;
    drop(scene.stream);
    let mut again = scene.fake.connection().await;
    assert_eq!(again.request.headers["last-event-id"], "e.13");
    again.open().await;
    again
        .entries("e.14", &session_entry(&token.session()))
        .await;
    again.ready("e.14", "14").await;
    scene.fake.acknowledged("e.14").await;
    assert_eq!(
        refused(&scene.server, &token.mint()).await,
        Some(Refusal::Revoked)
    );
}

#[tokio::test]
async fn a_reset_replaces_what_was_known() {
    let issuer = TestIssuer::native();
    let (old, new) = (issuer.token(7), issuer.token(7));
    let mut scene = scene(&session_entry(&old.session())).await;
    drop(scene.stream);
    let mut again = scene.fake.connection().await;
    again.open().await;
    again.snapshot("f.1", &session_entry(&new.session())).await;
    scene.fake.acknowledged("f.1").await;
    assert_eq!(refused(&scene.server, &old.mint()).await, None);
    assert_eq!(
        refused(&scene.server, &new.mint()).await,
        Some(Refusal::Revoked)
    );
    assert_eq!(scene.server.revocations().len(), 1);
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_is_asked_for_again_and_opens_no_gap() {
    let issuer = TestIssuer::native();
    let old = issuer.token(7);
    let mut scene = scene(&session_entry(&old.session())).await;
    scene.stream.event("reset", "f.0", r#"{"epoch":"f"}"#).await;
    scene.stream.write("event: entries\nid: f.1\nda").await;
    drop(scene.stream);
    let mut again = scene.fake.connection().await;
    assert!(!again.request.headers.contains_key("last-event-id"));
    assert_eq!(
        refused(&scene.server, &old.mint()).await,
        Some(Refusal::Revoked)
    );
    again.open().await;
    again.snapshot("f.2", "").await;
    scene.fake.acknowledged("f.2").await;
    assert_eq!(refused(&scene.server, &old.mint()).await, None);
}

#[tokio::test]
async fn a_stream_that_makes_no_sense_is_left_and_nothing_of_it_is_believed() {
    let issuer = TestIssuer::native();
    let token = issuer.token(7);
    let entries = format!(r#"{{"entries":[{}]}}"#, session_entry(&token.session()));
    for (garbage, keeps_cursor) in [
        (
            "event: entries\nid: e.11\ndata: not json\n\n".to_owned(),
            true,
        ),
        (
            "event: entries\nid: e.11\ndata: {\"entries\":[{\"session\":1}]}\n\n".to_owned(),
            true,
        ),
        (
            "data: \u{0}\u{1}\n\n\n\n:::::\nid\n\nevent: entries\nid: e.11\ndata: {\n\n".to_owned(),
            true,
        ),
        (format!("event: entries\ndata: {entries}\n\n"), false),
        (
            format!("event: entries\nid: other.11\ndata: {entries}\n\n"),
            false,
        ),
        (
            format!("event: entries\nid: e.9\ndata: {entries}\n\n"),
            false,
        ),
    ] {
        let mut scene = scene("").await;
        scene.stream.write(&garbage).await;
        scene.stream.closed().await;
        assert_eq!(
            refused(&scene.server, &token.mint()).await,
            None,
            "{garbage}"
        );
        let mut again = scene.fake.connection().await;
        let cursor = again.request.headers.get("last-event-id");
        assert_eq!(cursor.is_some(), keeps_cursor, "{garbage}");
        again.open().await;
        again
            .snapshot("e.20", &session_entry(&token.session()))
            .await;
        scene.fake.acknowledged("e.20").await;
        assert_eq!(
            refused(&scene.server, &token.mint()).await,
            Some(Refusal::Revoked)
        );
    }
}

#[tokio::test]
async fn a_place_that_makes_no_sense_twice_is_given_up() {
    let mut scene = scene("").await;
    scene
        .stream
        .write("event: entries\nid: e.11\ndata: ?\n\n")
        .await;
    scene.stream.closed().await;
    let mut second = scene.fake.connection().await;
    second.open().await;
    second.write("event: entries\nid: e.11\ndata: ?\n\n").await;
    second.closed().await;
    let third = scene.fake.connection().await;
    assert!(!third.request.headers.contains_key("last-event-id"));
}

#[tokio::test]
async fn a_stream_without_heartbeats_is_left_though_bytes_trickle() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let mut timing = quick();
    timing.silence = Duration::from_millis(300);
    let _server = follows(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    let mut stream = fake.connection().await;
    stream.open().await;
    stream.snapshot("e.10", "").await;
    fake.acknowledged("e.10").await;
    let trickle = tokio::spawn(async move {
        loop {
            stream.write(": still here\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let again = fake.connection().await;
    assert_eq!(again.request.headers["last-event-id"], "e.10");
    trickle.abort();
}

#[tokio::test]
async fn a_slow_stream_is_followed_byte_by_byte() {
    let mut scene = scene("").await;
    let token = scene.issuer.token(7);
    let entries = format!(
        "event: entries\r\nid: e.11\r\ndata: {{\"entries\":[{}]}}\r\n\r\n: x",
        session_entry(&token.session())
    );
    for byte in entries.bytes() {
        scene.stream.write([byte]).await;
        tokio::task::yield_now().await;
    }
    scene.fake.acknowledged("e.11").await;
    assert_eq!(
        refused(&scene.server, &token.mint()).await,
        Some(Refusal::Revoked)
    );
}

#[tokio::test]
async fn answers_that_are_no_stream_are_tried_again() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let server = follows(&fake, &issuer).build().await.unwrap();
    for answer in [
        "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        "garbage\r\n\r\n",
    ] {
        let mut stream = fake.connection().await;
        stream.write(answer).await;
    }
    assert_eq!(server.feed().unwrap().staleness(), None);
    let mut stream = fake.connection().await;
    stream.open().await;
    stream.snapshot("e.1", "").await;
    server.feed().unwrap().ready().await;
    assert!(server.feed().unwrap().staleness().unwrap() < Duration::from_secs(5));
}

#[tokio::test]
async fn acknowledgements_come_with_the_key_and_not_for_every_entry() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let mut timing = quick();
    timing.acknowledge_gap = Duration::from_millis(100);
    let server = follows(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    let mut stream = fake.connection().await;
    stream.open().await;
    stream.snapshot("e.0", "").await;
    let first = fake.heard().await;
    assert_eq!(first.line, "POST /v1/revocations/ack HTTP/1.1");
    assert_eq!(first.headers["authorization"], "Bearer a service key");
    for seq in 1..=100 {
        stream
            .entries(&format!("e.{seq}"), &session_entry(&format!("{seq:032x}")))
            .await;
    }
    let between = fake.acknowledged("e.100").await;
    assert!(between.len() < 10, "{between:?}");
    assert_eq!(server.revocations().len(), 100);
}

#[tokio::test]
async fn a_server_that_says_when_to_come_back_is_not_asked_before() {
    let mut fake = Fake::start().await;
    let issuer = TestIssuer::native();
    let mut timing = quick();
    timing.retry_to = Duration::from_millis(200);
    let _server = follows(&fake, &issuer)
        .timing(timing)
        .build()
        .await
        .unwrap();
    let mut full = fake.connection().await;
    let begun = Instant::now();
    full.write("HTTP/1.1 503 X\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
        .await;
    fake.connection().await;
    assert!(
        begun.elapsed() >= timing.retry_to,
        "its patience ends at our own limit"
    );
}

#[tokio::test]
async fn a_large_snapshot_is_held_whole() {
    let mut scene = scene("").await;
    drop(scene.stream);
    let mut stream = scene.fake.connection().await;
    stream.open().await;
    stream.event("reset", "f.0", r#"{"epoch":"f"}"#).await;
    for batch in 0..30_u32 {
        let ids = (0..1_000).map(|n| session_entry(&format!("{:032x}", batch * 1_000 + n)));
        stream
            .entries("f.9", &ids.collect::<Vec<_>>().join(","))
            .await;
    }
    stream.ready("f.9", "9").await;
    scene.fake.acknowledged("f.9").await;
    assert_eq!(scene.server.revocations().len(), 30_000);
}

#[tokio::test]
async fn nothing_goes_on_once_the_last_handle_is_gone() {
    let mut scene = scene("").await;
    let clone = scene.server.clone();
    drop(scene.server);
    assert!(clone.feed().is_some());
    drop(clone);
    scene.stream.closed().await;
}
