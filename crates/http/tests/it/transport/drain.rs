//! How a server ends. S13 of the threat list.

use std::sync::atomic::Ordering::SeqCst;

use super::*;

#[tokio::test]
async fn f13_a_request_under_way_is_answered_before_the_server_ends() {
    let mut server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client
        .say("POST /hold HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc")
        .await;
    server.begun(1).await;
    server.stop();
    server.lets_nobody_in().await;
    server.release(1);
    let answer = client.answer().await;
    assert!(
        answer.contains("connection: close") && answer.ends_with("held"),
        "{answer}"
    );
    assert_eq!(client.until_closed().await.0, "");
    assert_eq!(
        server.ended().await,
        Drained {
            graceful: true,
            aborted_connections: 0
        }
    );
}

#[tokio::test]
async fn idle_and_silent_connections_do_not_hold_up_the_end() {
    let mut server = start(TransportConfig::default());
    let silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.say("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc")
        .await;
    idle.answer().await;
    let began = Instant::now();
    server.stop();
    assert!(server.ended().await.graceful);
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(
        (silent.until_closed().await.0, idle.until_closed().await.0),
        (String::new(), String::new())
    );
}

#[tokio::test]
async fn a_request_half_sent_when_the_server_stops_may_still_be_finished() {
    let mut server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client.say("GET /whole HTTP/1.1\r\nho").await;
    let mut witness = server.connect().await;
    witness.get("/").await;
    server.stop();
    witness.until_closed().await;
    client.say("st: localhost\r\n\r\n").await;
    assert!(client.answer().await.ends_with("/whole"));
    assert!(server.ended().await.graceful);
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut_off_and_counted() {
    let mut server = start(TransportConfig {
        drain_timeout: Duration::from_millis(100),
        ..TransportConfig::default()
    });
    let mut client = server.connect().await;
    client
        .say("GET /hold HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    server.begun(1).await;
    server.stop();
    assert_eq!(client.until_closed().await.0, "");
    assert_eq!(
        server.ended().await,
        Drained {
            graceful: false,
            aborted_connections: 1
        }
    );
}

#[tokio::test]
async fn who_waits_in_the_queue_when_the_server_stops_is_still_served() {
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = Client {
        socket: TcpStream::connect(address).await.unwrap(),
        heard: Vec::new(),
    };
    client
        .say("GET /queued HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let answers = Arc::<Answers>::default();
    let drained = serve(
        vec![listener],
        answers,
        TransportConfig::default(),
        Arc::default(),
        async {},
    )
    .await;
    assert!(drained.graceful);
    assert!(client.answer().await.ends_with("/queued"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_at_load_every_request_that_began_is_answered() {
    for _ in 0..20 {
        let mut server = start(TransportConfig::default());
        let clients: Vec<_> = (0..16)
            .map(|_| tokio::spawn(ask_until_closed(server.address)))
            .collect();
        server.begun(200).await;
        server.stop();
        let answers = server.answers.clone();
        assert!(server.ended().await.graceful);
        let mut answered = 0;
        for client in clients {
            answered += client.await.unwrap();
        }
        assert_eq!(answered, answers.begun.load(SeqCst));
    }
}

/// Asks again and again on one connection; how often it was answered.
async fn ask_until_closed(address: SocketAddr) -> usize {
    let mut client = Client {
        socket: TcpStream::connect(address).await.unwrap(),
        heard: Vec::new(),
    };
    let mut answered = 0;
    let request = b"POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc";
    while client.socket.write_all(request).await.is_ok() {
        loop {
            if let Some(whole) = whole_answer(&client.heard) {
                client.heard.drain(..whole);
                answered += 1;
                break;
            }
            if client.hear().await == 0 {
                assert!(client.heard.is_empty(), "an answer broke off");
                return answered;
            }
        }
    }
    answered
}

impl Running {
    async fn lets_nobody_in(&self) {
        let refused = async { while TcpStream::connect(self.address).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, refused)
            .await
            .expect("the listener should be gone");
    }
}
