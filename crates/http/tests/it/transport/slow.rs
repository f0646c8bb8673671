//! Clients that take their time.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tokio::io::AsyncWriteExt;

use super::*;

/// Sends `byte` again and again until the other end has had enough of it.
fn dribble(client: Client, byte: &'static [u8]) -> (Client, JoinHandle<()>) {
    let socket = client.socket.into_std().unwrap();
    let mut writer = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
    let dribbling = tokio::spawn(async move {
        while writer.write_all(byte).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    (
        Client {
            socket: TcpStream::from_std(socket).unwrap(),
            heard: client.heard,
        },
        dribbling,
    )
}

#[tokio::test]
async fn f11_a_header_that_dribbles_is_cut_off_when_its_time_is_up() {
    let server = start(brisk());
    let mut client = server.connect().await;
    client.say("GET / HTTP/1.1\r\nhost: localhost\r\nx: ").await;
    let (client, dribbling) = dribble(client, b"a");
    let (heard, took) = client.until_closed().await;
    dribbling.await.unwrap();
    assert_eq!(heard, "");
    assert!(
        took >= Duration::from_millis(140) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(
        (
            count(&server.stats.reaped),
            server.answers.begun.load(SeqCst)
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_client_that_says_nothing_at_all_is_cut_off() {
    let server = start(brisk());
    let (_, took) = server.connect().await.until_closed().await;
    assert!(
        took >= Duration::from_millis(140) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(count(&server.stats.reaped), 1);
}

#[tokio::test]
async fn the_header_of_a_later_request_has_no_more_time_than_the_first() {
    let server = start(brisk());
    let mut client = server.connect().await;
    client.get("/").await;
    client.say("GET / HT").await;
    let (_, took) = client.until_closed().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(count(&server.stats.reaped), 1);
}

#[tokio::test]
async fn f11_a_body_that_dribbles_is_answered_and_the_connection_closed() {
    let server = start(brisk());
    let mut client = server.connect().await;
    client
        .say("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n")
        .await;
    let (client, dribbling) = dribble(client, b"a");
    let (heard, took) = client.until_closed().await;
    assert!(heard.starts_with("HTTP/1.1 408"), "{heard}");
    assert!(heard.contains("connection: close"), "{heard}");
    assert!(
        took >= Duration::from_millis(140) && took < Duration::from_secs(2),
        "{took:?}"
    );
    // Its goodbye is waited for, but not for ever either.
    tokio::time::timeout(Duration::from_secs(5), dribbling)
        .await
        .expect("the socket should be gone")
        .unwrap();
    until(|| count(&server.stats.open) == 0).await;
    assert_eq!(count(&server.stats.reaped), 1);
}

#[tokio::test]
async fn a_body_may_come_in_pieces_within_its_time() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client
        .say("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\nab")
        .await;
    server.begun(1).await;
    client.say("cd").await;
    tokio::task::yield_now().await;
    client.say("ef").await;
    assert!(client.answer().await.ends_with("\r\n\r\nabcdef"));
}

#[tokio::test]
async fn an_idle_connection_is_closed_gently_and_is_no_fault() {
    let server = start(TransportConfig {
        idle_timeout: Duration::from_millis(150),
        ..TransportConfig::default()
    });
    let mut client = server.connect().await;
    client.get("/").await;
    let (heard, took) = client.until_closed().await;
    assert_eq!(heard, "");
    assert!(
        took >= Duration::from_millis(140) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(count(&server.stats.reaped), 0);
}

#[tokio::test]
async fn every_request_begins_the_idle_time_anew() {
    let server = start(TransportConfig {
        idle_timeout: Duration::from_millis(400),
        ..TransportConfig::default()
    });
    let mut client = server.connect().await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(client.get("/").await.starts_with("HTTP/1.1 200"));
    }
    client.until_closed().await;
}

#[tokio::test]
async fn a_handler_may_take_longer_than_any_client() {
    let config = TransportConfig {
        idle_timeout: Duration::from_millis(100),
        ..brisk()
    };
    let server = start(config);
    let mut client = server.connect().await;
    client
        .say("GET /hold HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    server.begun(1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    server.release(1);
    assert!(client.answer().await.ends_with("held"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let server = start(brisk());
    let mut client = server.connect().await;
    client
        .say("GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    server.begun(1).await;
    until(|| count(&server.stats.reaped) == 1).await;
    let (heard, _) = client.until_closed().await;
    assert!(heard.len() < 32 << 20);
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_reads_gets_it_all() {
    let server = start(brisk());
    let mut client = server.connect().await;
    client
        .say("GET /large HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await;
    let mut heard = 0;
    let mut some = vec![0; 4 << 20];
    loop {
        tokio::time::sleep(Duration::from_millis(40)).await;
        match client.socket.read(&mut some).await.unwrap() {
            0 => break,
            read => heard += read,
        }
    }
    assert!(heard > 32 << 20);
    assert_eq!(count(&server.stats.reaped), 0);
}
