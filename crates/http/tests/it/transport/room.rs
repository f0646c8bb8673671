//! More connections than there is room for.

use super::*;

fn room_for(max_connections: usize) -> TransportConfig {
    TransportConfig {
        max_connections,
        ..TransportConfig::default()
    }
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_who_has_been_silent_longest() {
    let server = start(room_for(2));
    let silent = server.connect().await;
    let mut regular = server.connect().await;
    regular.get("/").await;
    let mut newcomer = server.connect().await;
    assert!(newcomer.get("/in").await.ends_with("/in"));
    silent.until_closed().await;
    assert!(regular.get("/still").await.ends_with("/still"));
    assert_eq!(
        (count(&server.stats.shed), count(&server.stats.refused)),
        (1, 0)
    );
}

#[tokio::test]
async fn where_an_answer_is_owed_to_all_a_newcomer_is_refused() {
    let server = start(room_for(2));
    let mut busy = [server.connect().await, server.connect().await];
    for client in &mut busy {
        client
            .say("GET /hold HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
    }
    server.begun(2).await;
    let (heard, _) = server.connect().await.until_closed().await;
    assert!(
        heard.starts_with("HTTP/1.1 503") && heard.contains("retry-after: 1"),
        "{heard}"
    );
    server.release(2);
    for client in &mut busy {
        assert!(client.answer().await.ends_with("held"));
    }
    assert_eq!(
        (count(&server.stats.refused), count(&server.stats.shed)),
        (1, 0)
    );
}

#[tokio::test]
async fn f11_however_many_dribble_headers_and_bodies_others_are_let_in() {
    let server = start(room_for(32));
    let mut slow = Vec::new();
    for round in 0..200 {
        let mut client = server.connect().await;
        if round % 2 == 0 {
            client.say("GET / HTTP/1.1\r\nx: ").await;
        } else {
            client
                .say("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")
                .await;
        }
        slow.push(client);
        if round % 10 == 9 {
            assert!(server.connect().await.get("/in").await.ends_with("/in"));
        }
    }
    assert!(count(&server.stats.shed) >= 100);
    assert!(
        count(&server.stats.open) <= 40,
        "{}",
        count(&server.stats.open)
    );
}

#[tokio::test]
async fn places_are_counted_and_given_back() {
    let mut server = start(TransportConfig::default());
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.get("/").await;
        clients.push(client);
    }
    assert_eq!(
        (count(&server.stats.open), count(&server.stats.accepted)),
        (5, 5)
    );
    drop(clients);
    server.stop();
    let stats = server.stats.clone();
    server.ended().await;
    assert_eq!((count(&stats.open), count(&stats.accepted)), (0, 5));
}
