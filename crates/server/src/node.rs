//! This process as one of the nodes of an installation, and how nodes and their listeners are shown.

use std::net::SocketAddr;

use daemun_engine::{
    nodes::{Node, NodeSeen},
    ports::{Entropy, NoEntropy},
    stream::ListenerView,
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::adapters::SystemEntropy;

/// This process, listening there. It goes by its machine's name and its port.
pub(crate) fn this(address: SocketAddr, now: Timestamp) -> Result<Node, NoEntropy> {
    let mut random = [0; 8];
    SystemEntropy.fill(&mut random)?;
    let machine = hostname::get().map_or_else(
        |_| address.ip().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    Ok(Node {
        id: format!("{:016x}", u64::from_be_bytes(random)).into(),
        name: format!("{machine}:{}", address.port()).into(),
        version: env!("CARGO_PKG_VERSION").into(),
        since: now,
    })
}

/// A node, as commands show it.
pub(crate) fn node_json(seen: &NodeSeen) -> Value {
    let node = &seen.report.node;
    json!({
        "node": node.name,
        "id": node.id,
        "version": node.version,
        "since": node.since.to_string(),
        "verifiers": seen.report.listeners.len(),
        "silent_seconds": seen.silent.as_secs(),
        "well": seen.is_well(),
    })
}

/// Who listens to a node, as commands show it.
pub(crate) fn listeners_json(node: &Node, listeners: &[ListenerView]) -> Vec<Value> {
    let shown = listeners.iter().map(|listener| {
        json!({
            "name": listener.name,
            "service": listener.service,
            "network": listener.network,
            "node": node.name,
            "since": listener.since.to_string(),
            "told": listener.told,
            "confirmed": listener.confirmed,
            "behind": listener.behind,
        })
    });
    shown.collect()
}
