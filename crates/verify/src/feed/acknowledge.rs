//! Telling daemun how far this verifier is, so that an operator sees who has heard of a revocation.

use http::header;
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use super::{Connection, follower::Cursor};
use crate::timing::Timing;

/// Posts the newest cursor, at most once in a while. Whatever goes wrong with it harms nothing here.
pub(super) struct Acknowledger {
    newest: watch::Sender<Option<Cursor>>,
    task: Option<JoinHandle<()>>,
}

impl Acknowledger {
    pub(super) fn new(connection: &Connection, timing: Timing) -> Self {
        let (newest, cursors) = watch::channel(None);
        let name = connection.verifier.as_ref();
        let name = name.and_then(|name| name.to_str().ok()).map(str::to_owned);
        let task = name.map(|name| {
            let connection = connection.clone();
            tokio::spawn(post_newest(connection, name, cursors, timing))
        });
        Self { newest, task }
    }

    pub(super) fn applied(&self, cursor: Option<&Cursor>) {
        self.newest.send_replace(cursor.cloned());
    }
}

impl Drop for Acknowledger {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn post_newest(
    connection: Connection,
    name: String,
    mut cursors: watch::Receiver<Option<Cursor>>,
    timing: Timing,
) {
    while cursors.changed().await.is_ok() {
        let cursor = cursors.borrow_and_update().clone();
        if let Some(cursor) = cursor {
            let body = json!({ "verifier": name, "cursor": cursor.to_string() });
            let posted = connection
                .client
                .post(connection.acknowledge.clone())
                .header(header::AUTHORIZATION, connection.authorization.clone())
                .timeout(timing.answer_within)
                .json(&body)
                .send();
            match posted.await {
                Ok(response) if response.status().is_success() => {}
                Ok(response) => {
                    tracing::debug!(status = response.status().as_u16(), "not acknowledged");
                }
                Err(error) => tracing::debug!(%error, "not acknowledged"),
            }
        }
        tokio::time::sleep(timing.acknowledge_gap).await;
    }
}
