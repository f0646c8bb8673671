//! What a server does besides answering: takes in what commands committed beside it, moves the
//! signing keys on when they are due, says what it is to other nodes, and clears away what is over,
//! a little at a time.

use std::{sync::Arc, time::Duration};

use daemun_engine::{
    Engine,
    changes::Change,
    nodes::{self, Node},
    ports::Retention,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{error, info, warn};

/// The pause after news of what others changed could not be had, or not be taken in.
const BREATHER: Duration = Duration::from_millis(200);
/// How often the keys are looked after.
const TEND: Duration = Duration::from_secs(3600);
/// How often to clear away.
const CLEAR: Duration = Duration::from_secs(60);
/// The pause between two steps of clearing away, for requests to go first.
const STEP: Duration = Duration::from_millis(50);

/// Starts all of it. It ends when the set is dropped: everything here can stop anywhere.
pub(crate) fn start(engine: &Arc<Engine>, node: &Arc<Node>, retention: Retention) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow_log(Arc::clone(engine)));
    tasks.spawn(take_in(Arc::clone(engine)));
    tasks.spawn(tend_keys(Arc::clone(engine)));
    tasks.spawn(report(Arc::clone(engine), Arc::clone(node)));
    tasks.spawn(clear_away(Arc::clone(engine), retention));
    tasks
}

async fn follow_log(engine: Arc<Engine>) {
    engine.follow_log().await;
}

async fn take_in(engine: Arc<Engine>) {
    let mut failing = false;
    // What could not be taken in must be once it can, whatever the store says next.
    let mut missed = Vec::new();
    loop {
        let told = if missed.is_empty() {
            engine.changes().await.map_err(|error| error.to_string())
        } else {
            Ok(std::mem::take(&mut missed))
        };
        let result = match told {
            Ok(changes) => engine.take_in(&changes).await.map_err(|error| {
                missed = changes;
                error.to_string()
            }),
            Err(error) => {
                missed = vec![Change::Everything];
                Err(error)
            }
        };
        if let Err(error) = &result {
            if !failing {
                error!(%error, "cannot take in what other processes changed; trying again");
            }
            sleep(BREATHER).await;
        }
        failing = result.is_err();
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

async fn report(engine: Arc<Engine>, node: Arc<Node>) {
    let mut ticks = ticks(nodes::EVERY);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let said = engine.report_node(&node).await;
        if let Err(error) = &said
            && !failing
        {
            warn!(%error, "other nodes cannot be told of this one; trying again");
        }
        failing = said.is_err();
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
