//! Encrypted connections. Certificates come from the `openssl` command; without it these tests say
//! that they were skipped.

use std::path::PathBuf;

use axum::http::Version;
use daemun_http::transport::{TlsError, tls_from_pem};
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use super::*;

/// A key and a certificate for `localhost`.
struct Papers {
    certificate: PathBuf,
    key: PathBuf,
    _made: daemun_test_servers::Papers,
}

fn papers() -> Option<Papers> {
    let made = daemun_test_servers::Papers::of("localhost")?;
    Some(Papers {
        certificate: made.certificate(),
        key: made.key(),
        _made: made,
    })
}

impl Papers {
    fn config(&self, mut config: TransportConfig) -> TransportConfig {
        config.tls = Some(tls_from_pem(&self.certificate, &self.key).unwrap());
        config
    }

    async fn connect(&self, server: &Running, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&self.certificate).unwrap())
            .unwrap();
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let socket = TcpStream::connect(server.address).await.unwrap();
        let localhost = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(localhost, socket)
            .await
            .unwrap()
    }
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://localhost{path}"))
        .body(Full::default())
        .unwrap()
}

async fn body(response: Response<hyper::body::Incoming>) -> String {
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

type Multiplexed = (
    http2::SendRequest<Full<Bytes>>,
    JoinHandle<hyper::Result<()>>,
);

async fn multiplexed(papers: &Papers, server: &Running) -> Multiplexed {
    let stream = papers.connect(server, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    (sender, tokio::spawn(connection))
}

#[tokio::test]
async fn http_1_is_spoken_and_the_peer_is_secure() {
    let Some(papers) = papers() else { return };
    let server = start(papers.config(TransportConfig::default()));
    let stream = papers.connect(&server, &[]).await;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request("/peer")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_11);
    assert_eq!(body(response).await, "127.0.0.1 true");
}

#[tokio::test]
async fn http_2_is_spoken_with_who_knows_it() {
    let Some(papers) = papers() else { return };
    let server = start(papers.config(TransportConfig::default()));
    let (mut sender, _connection) = multiplexed(&papers, &server).await;
    let response = sender.send_request(request("/peer")).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(body(response).await, "127.0.0.1 true");
    let panicked = sender.send_request(request("/panic")).await.unwrap();
    assert_eq!(panicked.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn http_2_is_not_offered_where_it_is_not_wanted() {
    let Some(papers) = papers() else { return };
    let server = start(papers.config(TransportConfig {
        http2: false,
        ..TransportConfig::default()
    }));
    let stream = papers.connect(&server, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn f13_http_2_requests_under_way_are_answered_before_the_server_ends() {
    let Some(papers) = papers() else { return };
    let mut server = start(papers.config(TransportConfig::default()));
    let (mut sender, connection) = multiplexed(&papers, &server).await;
    let (first, second) = (
        sender.send_request(request("/hold")),
        sender.send_request(request("/hold")),
    );
    let held = tokio::spawn(async { (first.await.unwrap(), second.await.unwrap()) });
    server.begun(2).await;
    server.stop();
    server.release(2);
    let (first, second) = held.await.unwrap();
    assert_eq!(
        (body(first).await, body(second).await),
        ("held".into(), "held".into())
    );
    let began = Instant::now();
    assert!(server.ended().await.graceful);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed() {
    let Some(papers) = papers() else { return };
    let idle = TransportConfig {
        idle_timeout: Duration::from_millis(300),
        ..TransportConfig::default()
    };
    let server = start(papers.config(idle));
    let (mut sender, connection) = multiplexed(&papers, &server).await;
    let response = sender.send_request(request("/once")).await.unwrap();
    assert_eq!(body(response).await, "/once");
    let closed = tokio::time::timeout(Duration::from_secs(5), connection).await;
    closed
        .expect("the server should have closed it")
        .unwrap()
        .unwrap();
    assert_eq!(count(&server.stats.reaped), 0);
}

#[tokio::test]
async fn an_http_2_client_that_never_asks_is_cut_off() {
    let Some(papers) = papers() else { return };
    let server = start(papers.config(brisk()));
    let (_sender, connection) = multiplexed(&papers, &server).await;
    let _ = tokio::time::timeout(Duration::from_secs(5), connection)
        .await
        .expect("the server should have closed it");
    assert_eq!(count(&server.stats.reaped), 1);
}

#[tokio::test]
async fn f11_a_handshake_that_does_not_proceed_is_cut_off() {
    let Some(papers) = papers() else { return };
    let server = start(papers.config(brisk()));
    let mut client = server.connect().await;
    client.say(b"\x16\x03\x01").await;
    let (_, took) = client.until_closed().await;
    assert!(
        took >= Duration::from_millis(140) && took < Duration::from_secs(2),
        "{took:?}"
    );
    assert_eq!(count(&server.stats.reaped), 1);
}

#[tokio::test]
async fn an_unencrypted_request_gets_no_answer_and_does_no_harm() {
    let Some(papers) = papers() else { return };
    let mut server = start(papers.config(TransportConfig::default()));
    let mut client = server.connect().await;
    client
        .say("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert!(!client.until_closed().await.0.contains("HTTP"));
    let handshaking = server.connect().await;
    server.stop();
    assert!(server.ended().await.graceful);
    drop(handshaking);
}

#[test]
fn files_that_are_no_papers_are_named() {
    let Some(papers) = papers() else { return };
    let Some(others) = self::papers() else { return };
    let absent = PathBuf::from("/nowhere/certificate.pem");
    let told = |certificate, key| tls_from_pem(certificate, key).unwrap_err();
    assert!(matches!(
        told(&absent, &papers.key),
        TlsError::Certificate { .. }
    ));
    assert!(matches!(
        told(&papers.key, &papers.key),
        TlsError::Certificate { .. }
    ));
    assert!(matches!(
        told(&papers.certificate, &papers.certificate),
        TlsError::Key { .. }
    ));
    assert!(matches!(
        told(&papers.certificate, &others.key),
        TlsError::Mismatch { .. }
    ));
    assert!(
        told(&absent, &papers.key)
            .to_string()
            .contains("/nowhere/certificate.pem")
    );
}
