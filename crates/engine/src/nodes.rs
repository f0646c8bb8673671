//! The nodes of one installation. Each says of itself, every few seconds, who it is and who listens to it, in the
//! store they share; so whoever asks anywhere is told of all, and of those that have gone silent.
//!
//! A verifier listens to one node, and what it confirms may be said to any: it goes through a load balancer. A node
//! that hears of a listener it does not have passes that on with what it says of itself.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    engine::Engine,
    ports::Stored,
    stream::{ListenerView, MOST_LISTENERS},
    time::Timestamp,
};

/// How often a node says something of itself.
pub const EVERY: Duration = Duration::from_secs(2);
/// A node that has said nothing for so long is not well.
pub const SILENT_AFTER: Duration = Duration::from_secs(10);
/// A node that has said nothing for so long is forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);

/// For how long it is passed on what a listener elsewhere confirmed: its node hears of it several times.
const PASSED_ON: Duration = Duration::from_secs(60);

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Tells it from all others, and from itself before it was started again.
    pub id: Box<str>,
    /// What people know it by.
    pub name: Box<str>,
    /// The version of the program.
    pub version: Box<str>,
    /// When it was started, by its own clock.
    pub since: Timestamp,
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Who.
    pub node: Node,
    /// Who listens to it.
    pub listeners: Vec<ListenerView>,
    /// What listeners elsewhere confirmed.
    pub passed_on: Vec<Confirmed>,
}

/// How far a listener is, wherever it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The public part of its service key.
    pub service: Box<str>,
    /// What it calls itself.
    pub name: Box<str>,
    /// Its place in the log: `EPOCH.SEQ`.
    pub place: Box<str>,
}

/// What a node last said, and how long ago that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    /// What it said.
    pub report: NodeReport,
    /// How long ago, by the store's clock.
    pub silent: Duration,
}

impl NodeSeen {
    /// Whether it says something as often as it should.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.silent < SILENT_AFTER
    }
}

/// Where nodes say what they are. A store that serves one process has nobody to tell.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Keeps what a node says, in the place of what it said before, and forgets nodes that have been silent for
    /// [`FORGOTTEN_AFTER`].
    async fn node_says(&self, report: NodeReport) -> Stored<()> {
        let _ = report;
        Ok(())
    }

    /// Forgets a node that ended.
    async fn node_left(&self, id: &str) -> Stored<()> {
        let _ = id;
        Ok(())
    }

    /// What all nodes last said, in order of their names; `None` where there is one process.
    async fn nodes(&self) -> Stored<Option<Vec<NodeSeen>>> {
        Ok(None)
    }
}

impl Engine {
    /// Takes in what others heard of this node's listeners, and says what it is. To be called
    /// [that often](EVERY).
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn report_node(&self, node: &Node) -> Stored<()> {
        let Some(nodes) = self.nodes.nodes().await? else {
            return Ok(());
        };
        let others = nodes.iter().filter(|seen| seen.report.node.id != node.id);
        for heard in others.flat_map(|seen| &seen.report.passed_on) {
            self.telling
                .confirm(&heard.service, &heard.name, &heard.place);
        }
        self.nodes.node_says(self.node_report(node)).await
    }

    /// What this node has to say of itself.
    #[must_use]
    pub fn node_report(&self, node: &Node) -> NodeReport {
        NodeReport {
            node: node.clone(),
            listeners: self.listeners(),
            passed_on: self.elsewhere.all(),
        }
    }

    /// Says that this node is no more.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn leave_nodes(&self, node: &Node) -> Stored<()> {
        self.nodes.node_left(&node.id).await
    }

    /// What all nodes last said; `None` where there is one process.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn nodes(&self) -> Stored<Option<Vec<NodeSeen>>> {
        self.nodes.nodes().await
    }
}

/// What listeners of other nodes confirmed here. Bounded: the oldest make room.
#[derive(Default)]
pub(crate) struct Elsewhere(Mutex<BTreeMap<Whose, (Box<str>, Instant)>>);

/// The key and the name of a listener.
type Whose = (Box<str>, Box<str>);

impl Elsewhere {
    pub(crate) fn hear(&self, service: &str, name: &str, place: &str) {
        let mut heard = self.lock();
        let whose = (service.into(), name.into());
        if heard.len() >= MOST_LISTENERS && !heard.contains_key(&whose) {
            let oldest = heard.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(whose, _)| whose.clone()) {
                heard.remove(&oldest);
            }
        }
        heard.insert(whose, (place.into(), Instant::now()));
    }

    fn all(&self) -> Vec<Confirmed> {
        let mut heard = self.lock();
        heard.retain(|_, (_, at)| at.elapsed() < PASSED_ON);
        let all = heard.iter();
        all.map(|((service, name), (place, _))| Confirmed {
            service: service.clone(),
            name: name.clone(),
            place: place.clone(),
        })
        .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Whose, (Box<str>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_is_bounded_and_the_latest() {
        let elsewhere = Elsewhere::default();
        for nth in 0..=MOST_LISTENERS {
            elsewhere.hear("key", &nth.to_string(), "log.1");
        }
        elsewhere.hear("key", "7", "log.2");
        let all = elsewhere.all();
        assert_eq!(all.len(), MOST_LISTENERS);
        assert!(all.iter().all(|heard| &*heard.name != "0"), "the oldest");
        let seventh = all.iter().find(|heard| &*heard.name == "7");
        assert_eq!(seventh.map(|heard| &*heard.place), Some("log.2"));
    }
}
