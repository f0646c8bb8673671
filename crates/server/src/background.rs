//! What a server does besides answering: takes in what commands committed beside it, moves the
//! signing keys on when they are due, and clears away what is over, a little at a time.

use std::{sync::Arc, time::Duration};

use daemun_engine::{Engine, ports::Retention};
use daemun_store_sqlite::SqliteStore;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{error, info};

/// How often to look whether another process committed anything. A command also says so, by the
/// control socket; this is for those that could not.
const LOOK: Duration = Duration::from_millis(500);
/// How often the keys are looked after.
const TEND: Duration = Duration::from_secs(3600);
/// How often to clear away.
const CLEAR: Duration = Duration::from_secs(60);
/// The pause between two steps of clearing away, for requests to go first.
const STEP: Duration = Duration::from_millis(50);

/// Starts all of it. It ends when the set is dropped: everything here can stop anywhere.
pub(crate) fn start(
    engine: &Arc<Engine>,
    store: &Arc<SqliteStore>,
    retention: Retention,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow_log(Arc::clone(engine)));
    tasks.spawn(take_in(Arc::clone(engine), Arc::clone(store)));
    tasks.spawn(tend_keys(Arc::clone(engine)));
    tasks.spawn(clear_away(Arc::clone(engine), retention));
    tasks
}

async fn follow_log(engine: Arc<Engine>) {
    engine.follow_log().await;
}

async fn take_in(engine: Arc<Engine>, store: Arc<SqliteStore>) {
    let mut failing = false;
    let mut missed = false;
    let mut ticks = ticks(LOOK);
    loop {
        ticks.tick().await;
        // What was seen is seen: a sync that fails must be tried again whatever the store says next.
        let result = match store.foreign_changes().await {
            Ok(changed) if changed || missed => {
                missed = true;
                engine.sync().await.map_err(|error| error.to_string())
            }
            Ok(_) => continue,
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(()) => (failing, missed) = (false, false),
            Err(error) => {
                if !failing {
                    error!(%error, "cannot take in what other processes changed; trying again");
                }
                failing = true;
            }
        }
    }
}

async fn tend_keys(engine: Arc<Engine>) {
    let mut ticks = ticks(TEND);
    loop {
        ticks.tick().await;
        match engine.tend_keys(false).await {
            Ok(true) => info!("the signing keys moved on"),
            Ok(false) => {}
            Err(error) => error!(%error, "the signing keys cannot be looked after"),
        }
    }
}

async fn clear_away(engine: Arc<Engine>, retention: Retention) {
    let mut ticks = ticks(CLEAR);
    loop {
        ticks.tick().await;
        let mut rows = 0;
        loop {
            match engine.purge(&retention).await {
                Ok(0) => break,
                Ok(step) => rows += step,
                Err(error) => {
                    error!(%error, "what is over cannot be cleared away");
                    break;
                }
            }
            sleep(STEP).await;
        }
        if rows > 0 {
            info!(rows, "cleared away what is over");
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
