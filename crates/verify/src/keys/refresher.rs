//! The task that keeps keys fresh, and the way to ask it for news.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    time::{sleep_until, timeout},
};

use super::{Copy, KeyHolder, Source, fetch::Fetched};
use crate::{
    Clock,
    timing::{Backoff, Timing},
};

/// Fetches keys in the background.
pub(crate) struct Refresher {
    pub(crate) source: Source,
    pub(crate) holder: Arc<KeyHolder>,
    pub(crate) copy: Option<Copy>,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
}

/// How the last attempt went.
#[derive(Clone, Copy)]
struct Attempt {
    ended: Option<Instant>,
    succeeded: bool,
}

/// What asking for news came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The keys are as fresh as they may be asked for.
    Fresh,
    /// The issuer cannot be asked.
    Failed,
}

/// The way to ask the task for news. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Asking {
    wanted: Arc<Notify>,
    attempts: watch::Receiver<Attempt>,
    timing: Timing,
}

impl Asking {
    /// Waits for keys that were fetched after, or only just before, this was called.
    pub(crate) async fn news(&self) -> Asked {
        let mut attempts = self.attempts.clone();
        let last = *attempts.borrow_and_update();
        if last.is_recent(self.timing.refetch_gap) {
            return last.outcome();
        }
        self.wanted.notify_one();
        // The task gives up by itself; twice its patience is for one that had begun before.
        match timeout(self.timing.answer_within * 2, attempts.changed()).await {
            Ok(Ok(())) => attempts.borrow().outcome(),
            Ok(Err(_)) | Err(_) => Asked::Failed,
        }
    }
}

impl Attempt {
    fn is_recent(self, gap: Duration) -> bool {
        self.ended.is_some_and(|ended| ended.elapsed() < gap)
    }

    const fn outcome(self) -> Asked {
        if self.succeeded {
            Asked::Fresh
        } else {
            Asked::Failed
        }
    }
}

impl Refresher {
    /// Fetches once, or takes the copy, and then goes on in the background for as long as the returned task lives.
    pub(crate) async fn start(self) -> (Asking, tokio::task::JoinHandle<()>) {
        let mut backoff = Backoff::new(self.timing);
        let (next, first) = self.attempt(&mut backoff).await;
        if !first.succeeded {
            self.take_copy().await;
        }
        let (tell, attempts) = watch::channel(first);
        let wanted = Arc::new(Notify::new());
        let asking = Asking {
            wanted: Arc::clone(&wanted),
            attempts,
            timing: self.timing,
        };
        let task = tokio::spawn(self.run(next, backoff, tell, wanted));
        (asking, task)
    }

    async fn run(
        self,
        mut wait: Duration,
        mut backoff: Backoff,
        tell: watch::Sender<Attempt>,
        wanted: Arc<Notify>,
    ) {
        let mut due = tokio::time::Instant::now() + wait;
        loop {
            tokio::select! {
                () = sleep_until(due) => {}
                () = wanted.notified() => {
                    // Whoever asked while the last fetch was under way has had its answer.
                    if tell.borrow().is_recent(self.timing.refetch_gap) {
                        continue;
                    }
                }
            }
            let attempt;
            (wait, attempt) = self.attempt(&mut backoff).await;
            due = tokio::time::Instant::now() + wait;
            tell.send_replace(attempt);
        }
    }

    async fn attempt(&self, backoff: &mut Backoff) -> (Duration, Attempt) {
        let fetched = self.source.fetch(&self.timing).await;
        let succeeded = fetched.is_ok();
        let wait = match fetched {
            Ok(fetched) => {
                backoff.reset();
                self.take(fetched).await
            }
            Err(error) => {
                tracing::warn!(%error, source = ?std::error::Error::source(&error), "keys were not fetched");
                backoff.next()
            }
        };
        let ended = Some(Instant::now());
        (wait, Attempt { ended, succeeded })
    }

    async fn take(&self, fetched: Fetched) -> Duration {
        let Fetched {
            keys,
            document,
            fresh_for,
        } = fetched;
        self.holder.install(keys, Some(self.timing.keys_good_for));
        if let Some(copy) = self.copy.clone() {
            let now = self.clock.now();
            let saved = tokio::task::spawn_blocking(move || copy.save(&document, now));
            // It logs its own failures.
            let _ = saved.await;
        }
        fresh_for
    }

    async fn take_copy(&self) {
        let Some(copy) = self.copy.clone() else {
            return;
        };
        let now = self.clock.now();
        let loaded = tokio::task::spawn_blocking(move || copy.load(now)).await;
        if let Ok(Some((keys, age))) = loaded
            && let Some(left) = self.timing.keys_good_for.checked_sub(age)
        {
            tracing::warn!(
                age_seconds = age.as_secs(),
                "starting with a copy of the keys"
            );
            self.holder.install(keys, Some(left));
        }
    }
}
