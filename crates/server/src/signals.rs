//! Being asked to end: once, and what is under way is finished; twice, and it is not.

use std::time::{Duration, Instant};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tracing::{info, warn};

use crate::report::remark;

/// How long after the first signal another is taken for the same one.
const ECHO: Duration = Duration::from_millis(500);

/// Ends when the server is to end. Clones end together.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until the server is to end.
    pub(crate) async fn asked(mut self) {
        // The sender is gone only with the task that waits for signals, which ends the process.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

/// Listens for Ctrl-C and SIGTERM from now on.
pub(crate) fn listen() -> std::io::Result<Stop> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (ask, asked) = watch::channel(false);
    tokio::spawn(async move {
        let name = either(&mut interrupt, &mut terminate).await;
        info!(signal = name, "asked to end: finishing what is under way");
        ask.send_replace(true);
        // A terminal and a program above us may each pass on what was asked once.
        let since = Instant::now();
        let name = loop {
            let name = either(&mut interrupt, &mut terminate).await;
            if since.elapsed() > ECHO {
                break name;
            }
        };
        warn!(signal = name, "asked again: ending at once");
        remark("stopped at once; what was acknowledged is on disk");
        std::process::exit(130);
    });
    Ok(Stop(asked))
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
