//! Text messages, handed to a real HTTP gateway.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::post,
};
use daemun_engine::notice::{Channel, Notice};
use daemun_mail::{
    Couriers, DeliveryError, Letter, Reason, SetupError, WebhookConfig, WebhookCourier, hand_over,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::{
    outbox::Mark,
    support::{Room, Running, START, code, free_port, letter, mail_to, within},
};

/// One request, as the gateway got it.
struct Request {
    headers: HeaderMap,
    body: Value,
}

/// A gateway that answers with these statuses, then with 200. 0 is no answer at all.
struct Gateway {
    url: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

struct Desk {
    statuses: Mutex<std::vec::IntoIter<u16>>,
    requests: mpsc::UnboundedSender<Request>,
}

impl Gateway {
    async fn start(statuses: impl Into<Vec<u16>>) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            statuses: Mutex::new(statuses.into().into_iter()),
            requests: sender,
        });
        let app = Router::new()
            .route("/sms", post(take))
            .route("/elsewhere", post(take))
            .with_state(desk);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sms", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, requests }
    }

    fn courier(&self, timeout: Duration) -> WebhookCourier {
        WebhookCourier::new(&WebhookConfig {
            url: self.url.clone(),
            token: "gateway-token".into(),
            timeout,
        })
        .unwrap()
    }

    async fn request(&mut self) -> Request {
        within(self.requests.recv()).await.unwrap()
    }
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: String) -> Response {
    let body = serde_json::from_str(&body).unwrap();
    desk.requests.send(Request { headers, body }).unwrap();
    let status = desk.statuses.lock().await.next().unwrap_or(200);
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let mut answer = StatusCode::from_u16(status).unwrap().into_response();
    if answer.status().is_redirection() {
        let to = HeaderValue::from_static("/elsewhere");
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

const PATIENT: Duration = Duration::from_secs(10);

fn message() -> Letter {
    letter("01012345678")
}

fn sms_to(to: &str) -> Notice {
    Notice {
        channel: Channel::Sms,
        ..mail_to(to, code("482913"))
    }
}

#[tokio::test]
async fn a_text_message_is_posted_with_token_and_idempotency_key() {
    let mut gateway = Gateway::start([]).await;
    let courier = gateway.courier(PATIENT);
    hand_over(&courier, &message()).await.unwrap();
    let request = gateway.request().await;
    let id = format!("{}.7", START.unix_micros());
    assert_eq!(
        request.body,
        json!({"to": "01012345678", "text": "코드: 482913\n", "id": id})
    );
    assert_eq!(request.headers["authorization"], "Bearer gateway-token");
    assert_eq!(request.headers["idempotency-key"], id);
    assert_eq!(request.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_gateway_that_stumbles_is_asked_again_with_the_same_key() {
    let mut gateway = Gateway::start([503, 429, 401]).await;
    let room = Room::new();
    let id = room.post(&sms_to("01012345678"));
    let couriers = Couriers {
        email: None,
        sms: Some(Arc::new(gateway.courier(PATIENT))),
    };
    let worker = Running::start(room.worker(couriers));
    for status in [503, 429, 401] {
        let why = format!("http {status}");
        assert_eq!(room.outbox.mark().await, Mark::Retry(id, why));
    }
    assert_eq!(room.outbox.mark().await, Mark::Sent(id));
    let first = gateway.request().await;
    assert!(first.body["text"].as_str().unwrap().contains("482913"));
    for _ in 1..4 {
        let again = gateway.request().await;
        assert_eq!(again.body, first.body);
        assert_eq!(
            again.headers["idempotency-key"],
            first.headers["idempotency-key"]
        );
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_message_the_gateway_cannot_take_is_given_up() {
    for status in [400, 410, 422] {
        let gateway = Gateway::start([status]).await;
        let outcome = hand_over(&gateway.courier(PATIENT), &message()).await;
        let refused = DeliveryError::Permanent(Reason::Http(status));
        assert_eq!(outcome, Err(refused));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_message_and_token() {
    let mut gateway = Gateway::start([307]).await;
    let outcome = hand_over(&gateway.courier(PATIENT), &message()).await;
    assert_eq!(outcome, Err(DeliveryError::Transient(Reason::Http(307))));
    gateway.request().await;
    assert!(gateway.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_gateway_that_is_deaf_or_down_is_tried_later() {
    let gateway = Gateway::start([0]).await;
    let hasty = gateway.courier(Duration::from_millis(200));
    let outcome = within(hand_over(&hasty, &message())).await;
    assert_eq!(outcome, Err(DeliveryError::Transient(Reason::Timeout)));

    let nobody = WebhookCourier::new(&WebhookConfig {
        url: format!("http://127.0.0.1:{}/", free_port()),
        token: "gateway-token".into(),
        timeout: PATIENT,
    })
    .unwrap();
    let outcome = hand_over(&nobody, &message()).await;
    assert_eq!(outcome, Err(DeliveryError::Transient(Reason::Connection)));
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_once() {
    let config = |url: &str, token: &str| WebhookConfig {
        url: url.into(),
        token: token.into(),
        timeout: PATIENT,
    };
    for url in ["", "sms.example.com/send", "ftp://sms.example.com/"] {
        let refused = WebhookCourier::new(&config(url, "token")).unwrap_err();
        assert_eq!(refused, SetupError::Url);
    }
    for token in ["", "two words", "a\r\nX-Evil: 1"] {
        let refused = WebhookCourier::new(&config("https://sms.example.com/", token)).unwrap_err();
        assert_eq!(refused, SetupError::Token);
    }
}
