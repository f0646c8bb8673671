//! Asking the issuer for its keys.

use std::time::Duration;

use daemun_token::{Jwks, VerifyingKey};
use http::{HeaderMap, header};
use reqwest::{Client, Url};

use crate::timing::Timing;

/// The longest key set that is read, in bytes.
const LONGEST: usize = 256 * 1024;
/// How long keys are fresh where the issuer does not say, in seconds.
const USUAL_AGE: u64 = 300;

/// Where the keys are.
pub(crate) struct Source {
    pub(crate) client: Client,
    pub(crate) url: Url,
}

/// What the issuer answered.
pub(crate) struct Fetched {
    pub(crate) keys: Vec<VerifyingKey>,
    pub(crate) document: Vec<u8>,
    /// When to ask again.
    pub(crate) fresh_for: Duration,
}

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the issuer did not answer in time")]
    Slow,
    #[error("the issuer cannot be asked")]
    Unreachable(#[source] reqwest::Error),
    #[error("the issuer answered {0}")]
    Status(u16),
    #[error("the key set is too long")]
    TooLong,
    #[error("the key set holds no usable key")]
    NoKeys,
}

impl Source {
    pub(crate) async fn fetch(&self, timing: &Timing) -> Result<Fetched, FetchError> {
        let fetched = tokio::time::timeout(timing.answer_within, self.ask());
        let (headers, document) = fetched.await.map_err(|_| FetchError::Slow)??;
        let fresh_for = fresh_for(&headers).clamp(timing.keys_at_least, timing.keys_at_most);
        Ok(Fetched {
            keys: read(&document)?,
            document,
            fresh_for,
        })
    }

    async fn ask(&self) -> Result<(HeaderMap, Vec<u8>), FetchError> {
        let request = self.client.get(self.url.clone());
        let mut response = request.send().await.map_err(FetchError::Unreachable)?;
        if response.status() != http::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Unreachable)? {
            if document.len() + chunk.len() > LONGEST {
                return Err(FetchError::TooLong);
            }
            document.extend_from_slice(&chunk);
        }
        Ok((response.headers().clone(), document))
    }
}

/// Reads a key set. One without a key that can be used is as good as none, and does not replace another.
pub(super) fn read(document: &[u8]) -> Result<Vec<VerifyingKey>, FetchError> {
    let keys = Jwks::read(document).map_err(|_| FetchError::NoKeys)?;
    if keys.is_empty() {
        return Err(FetchError::NoKeys);
    }
    Ok(keys)
}

/// RFC 9111 §4.2: `max-age` less `Age`.
fn fresh_for(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let control = text(header::CACHE_CONTROL)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let directives = || control.split(',').map(str::trim);
    if directives().any(|directive| directive == "no-store" || directive == "no-cache") {
        return Duration::ZERO;
    }
    let age = text(header::AGE)
        .and_then(|age| age.parse().ok())
        .unwrap_or(0);
    let max_age = directives().find_map(|directive| directive.strip_prefix("max-age="));
    let seconds = max_age
        .and_then(|age| age.parse::<u64>().ok())
        .unwrap_or(USUAL_AGE);
    Duration::from_secs(seconds.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn keys_are_fresh_for_as_long_as_the_issuer_says() {
        for (control, age, seconds) in [
            ("public, max-age=300", "", 300),
            ("Max-Age=60", "20", 40),
            ("max-age=60", "90", 0),
            ("no-cache, max-age=60", "", 0),
            ("max-age=x", "", super::USUAL_AGE),
            ("", "", super::USUAL_AGE),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
            headers.insert(header::AGE, HeaderValue::from_static(age));
            assert_eq!(
                super::fresh_for(&headers),
                Duration::from_secs(seconds),
                "{control}"
            );
        }
    }
}
