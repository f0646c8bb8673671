//! Text messages through a gateway: a POST to a URL of the operator's, behind which stands his
//! provider.
//!
//! The body is `{"to": …, "text": …, "id": …}`. The id is the same each time a message is tried and
//! is sent as `Idempotency-Key` as well, so that a gateway can drop a repetition.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Client, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use serde::Serialize;

use super::{Courier, DeliveryError, Letter, Reason, SetupError};

/// Where text messages are handed over.
#[derive(Clone)]
pub struct WebhookConfig {
    /// The gateway's URL.
    pub url: String,
    /// What proves to it that we are we, sent as `Authorization: Bearer …`.
    pub token: String,
    /// How long handing over one message may take as a whole.
    pub timeout: Duration,
}

/// Hands text messages to a gateway.
pub struct WebhookCourier {
    client: Client,
    url: Url,
    timeout: Duration,
}

#[derive(Serialize)]
struct Body<'a> {
    to: &'a str,
    text: &'a str,
    id: &'a str,
}

impl WebhookCourier {
    /// Checks the configuration. Connects to nothing yet.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &WebhookConfig) -> Result<Self, SetupError> {
        let url = Url::parse(&config.url).map_err(|_| SetupError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(SetupError::Url);
        }
        // A redirect would carry message and token to wherever it says.
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(
                AUTHORIZATION,
                bearer(&config.token)?,
            )]))
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| SetupError::Client(error.without_url().to_string()))?;
        Ok(Self {
            client,
            url,
            timeout: config.timeout,
        })
    }
}

#[async_trait]
impl Courier for WebhookCourier {
    async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let id = letter.key();
        let body = Body {
            to: &letter.to,
            text: &letter.text,
            id: &id,
        };
        let answer = self
            .client
            .post(self.url.clone())
            .header("idempotency-key", &id)
            .json(&body)
            .send()
            .await
            .map_err(|error| DeliveryError::Transient(reason(&error)))?;
        judge(answer.status().as_u16())
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn bearer(token: &str) -> Result<HeaderValue, SetupError> {
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SetupError::Token);
    }
    let mut value =
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| SetupError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn judge(status: u16) -> Result<(), DeliveryError> {
    let reason = Reason::Http(status);
    match status {
        200..=299 => Ok(()),
        // About us, our configuration or the moment, not about this message.
        401 | 403 | 404 | 405 | 407 | 408 | 409 | 425 | 429 => {
            Err(DeliveryError::Transient(reason))
        }
        400..=499 => Err(DeliveryError::Permanent(reason)),
        _ => Err(DeliveryError::Transient(reason)),
    }
}

fn reason(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        Reason::Timeout
    } else {
        Reason::Connection
    }
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookConfig(…)")
    }
}

impl fmt::Debug for WebhookCourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookCourier(…)")
    }
}
