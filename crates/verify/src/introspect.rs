//! Asking daemun whether a token is still good (RFC 7662), where revocations are not heard.

use http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::{Refusal, timing::Timing};

/// How many questions may be open at once. What is more is refused rather than queued: the server asked is in trouble.
const OPEN: usize = 64;
/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Asks about tokens whose signature was checked already, so garbage never gets this far.
pub(crate) struct Introspection {
    client: Client,
    url: Url,
    authorization: HeaderValue,
    open: Semaphore,
    timing: Timing,
}

#[derive(Deserialize)]
struct Answer {
    active: bool,
}

impl Introspection {
    pub(crate) fn new(
        client: Client,
        url: Url,
        authorization: HeaderValue,
        timing: Timing,
    ) -> Self {
        Self {
            client,
            url,
            authorization,
            open: Semaphore::new(OPEN),
            timing,
        }
    }

    /// Whether daemun still honours the token. What is not a clear yes or no is [`Refusal::RevocationsUnavailable`].
    pub(crate) async fn ask(&self, token: &str) -> Result<(), Refusal> {
        let Ok(_permit) = self.open.try_acquire() else {
            return Err(Refusal::RevocationsUnavailable);
        };
        let answer = tokio::time::timeout(self.timing.answer_within, self.answer(token)).await;
        match answer.ok().flatten() {
            Some(Answer { active: true }) => Ok(()),
            Some(Answer { active: false }) => Err(Refusal::Revoked),
            None => Err(Refusal::RevocationsUnavailable),
        }
    }

    async fn answer(&self, token: &str) -> Option<Answer> {
        // Base64url and dots, which is all a checked token consists of, stand for themselves in a form.
        let request = self
            .client
            .post(self.url.clone())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("token={token}"));
        let mut response = request
            .send()
            .await
            .inspect_err(|error| tracing::warn!(%error, "daemun could not be asked about a token"))
            .ok()?;
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            tracing::warn!(
                status,
                "daemun did not say whether a token is good; the service key needs the scope `introspection`"
            );
            return None;
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if body.len() + chunk.len() > LONGEST {
                return None;
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body).ok()
    }
}
