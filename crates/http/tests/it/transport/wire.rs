//! HTTP as it should be, and as it should not.

use super::*;

async fn told(request: impl AsRef<[u8]>) -> String {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client.say(request).await;
    client.answer().await
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn s87_a_header_block_over_the_limit_is_answered_with_431() {
    let server = start(TransportConfig::default());
    let just_fits = format!(
        "GET / HTTP/1.1\r\nx: {}\r\n\r\n",
        "a".repeat(32 * 1024 - 23)
    );
    assert_eq!(just_fits.len(), 32 * 1024);
    let mut client = server.connect().await;
    client.say(&just_fits).await;
    assert_eq!(status(&client.answer().await), "200");
    client.say(just_fits.replace("x: ", "x: a")).await;
    let (heard, _) = client.until_closed().await;
    assert_eq!(status(&heard), "431");
}

#[tokio::test]
async fn s22_a_client_that_keeps_sending_its_megabyte_of_header_still_reads_the_431() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client.say("GET / HTTP/1.1\r\nauthorization: Bearer ").await;
    client.say("a".repeat(1 << 20)).await;
    assert_eq!(status(&client.answer().await), "431");
}

#[tokio::test]
async fn s87_more_headers_than_anyone_sends_are_answered_with_431() {
    let many = "x: y\r\n".repeat(101);
    assert_eq!(
        status(&told(format!("GET / HTTP/1.1\r\n{many}\r\n")).await),
        "431"
    );
}

#[tokio::test]
async fn s87_a_body_that_says_it_is_too_large_is_refused_unread() {
    let answer =
        told("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n").await;
    assert_eq!(status(&answer), "413");
}

#[tokio::test]
async fn s87_a_body_that_turns_out_too_large_is_refused() {
    let chunk = format!("1f4\r\n{}\r\n", "a".repeat(500));
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(
        status(&told(format!("{head}{chunk}{chunk}1\r\na\r\n0\r\n\r\n")).await),
        "413"
    );
    assert_eq!(
        status(&told(format!("{head}{chunk}{chunk}0\r\n\r\n")).await),
        "200"
    );
}

#[tokio::test]
async fn a_client_half_way_through_its_upload_still_reads_the_413() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client
        .say("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 8388608\r\n\r\n")
        .await;
    client.say(vec![b'a'; 8 << 20]).await;
    let (heard, _) = client.until_closed().await;
    assert!(
        status(&heard) == "413" && heard.contains("connection: close"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_small_body_nobody_reads_does_not_cost_the_connection() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client
        .say("POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc")
        .await;
    let answer = client.answer().await;
    assert!(
        answer.ends_with("/first") && !answer.contains("connection: close"),
        "{answer}"
    );
    assert!(client.get("/second").await.ends_with("/second"));
}

#[tokio::test]
async fn a_body_nobody_reads_and_nobody_sends_ends_the_connection() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client
        .say("POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\na")
        .await;
    let (heard, _) = client.until_closed().await;
    assert!(
        heard.ends_with("/first") && heard.contains("connection: close"),
        "{heard}"
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    let request =
        |n| format!("POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n{n:04}");
    client.say((0..50).map(request).collect::<String>()).await;
    for n in 0..50 {
        assert!(client.answer().await.ends_with(&format!("\r\n\r\n{n:04}")));
    }
}

#[tokio::test]
async fn a_pipelined_request_whose_header_stays_unfinished_is_not_waited_for_longer_than_idle() {
    let config = TransportConfig {
        idle_timeout: Duration::from_millis(100),
        ..brisk()
    };
    let server = start(config);
    let mut client = server.connect().await;
    client
        .say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\nGET / HT")
        .await;
    client.answer().await;
    assert!(client.until_closed().await.1 < Duration::from_secs(3));
}

#[tokio::test]
async fn line_ends_are_read_as_rfc_9112_allows_and_no_further() {
    let fine = [
        "\r\nGET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/1.1\nhost: localhost\n\n",
        "GET / HTTP/1.0\r\n\r\n",
    ];
    for request in fine {
        assert_eq!(status(&told(request).await), "200", "{request:?}");
    }
    let faulty = [
        "GET / HTTP/1.1\r\nhost: localhost\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: local\0host\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: local\rhost\r\n\r\n",
        "GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/1.1 \r\nhost: localhost\r\n\r\n",
        "GET /\r\n\r\n",
        "G\x01T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/3.0\r\n\r\n",
    ];
    for request in faulty {
        assert_eq!(status(&told(request).await), "400", "{request:?}");
    }
}

#[tokio::test]
async fn a_body_framed_two_ways_is_refused_or_ends_the_connection() {
    let faulty = [
        "content-length: 3\r\ncontent-length: 4",
        "content-length: 3, 4",
        "content-length: +3",
        "content-length: -1",
        "content-length: 99999999999999999999",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
    ];
    for framing in faulty {
        let answer = told(format!(
            "POST /echo HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\nabc"
        ))
        .await;
        assert_eq!(status(&answer), "400", "{framing}");
    }
    let old = told("POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert_eq!(status(&old), "400");
}

#[tokio::test]
async fn what_follows_a_doubly_framed_body_is_never_taken_for_a_request() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let framing = "content-length: 3\r\ntransfer-encoding: chunked";
    client
        .say(format!(
            "POST /echo HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}"
        ))
        .await;
    let (heard, _) = client.until_closed().await;
    assert!(!heard.contains("smuggled"), "{heard}");
    assert!(heard.contains("connection: close"), "{heard}");
}

#[tokio::test]
async fn a_chunk_with_a_faulty_size_breaks_the_body_off() {
    for size in ["zz", "-1", "0x3", "fffffffffffffffff"] {
        let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked";
        let answer = told(format!("{head}\r\n\r\n{size}\r\nabc\r\n0\r\n\r\n")).await;
        assert_eq!(status(&answer), "400", "{size}");
    }
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client.say("POST /echo HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n").await;
    assert_eq!(status(&client.answer().await), "100");
    client.say("abc").await;
    assert!(client.answer().await.ends_with("\r\n\r\nabc"));
}

#[tokio::test]
async fn s87_a_panic_ends_its_request_and_nothing_else() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    for path in ["/panic", "/late"] {
        let answer = client.get(path).await;
        assert_eq!(status(&answer), "500");
        assert!(!answer.contains("bug"), "{answer}");
    }
    assert!(client.get("/alive").await.ends_with("/alive"));
    assert_eq!(
        (count(&server.stats.panics), count(&server.stats.accepted)),
        (2, 1)
    );
}

#[tokio::test]
async fn the_peer_is_the_socket_and_not_encrypted() {
    let server = start(TransportConfig::default());
    assert!(
        server
            .connect()
            .await
            .get("/peer")
            .await
            .ends_with("127.0.0.1 false")
    );
}

#[tokio::test]
async fn http_2_without_encryption_is_not_spoken() {
    let server = start(TransportConfig::default());
    let mut client = server.connect().await;
    client.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.until_closed().await.0, "");
}
