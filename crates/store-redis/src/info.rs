//! What a Redis server says about itself, and what of it matters: facts for operators.

use std::collections::HashMap;

/// The oldest version that has what is used here.
const OLDEST: (u32, u32) = (6, 2);

/// An answer to `INFO`.
pub(crate) struct Info(HashMap<String, String>);

impl Info {
    pub(crate) fn read(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.trim().split_once(':'));
        Self(
            fields
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A word that no other run of any server has.
    pub(crate) fn run(&self) -> &str {
        let run = self.get("run_id").unwrap_or("0");
        run.get(..8).unwrap_or(run)
    }

    /// Why it is not to be used just now, though it answers.
    pub(crate) fn why_not_serving(&self) -> Option<&'static str> {
        if self.get("loading") == Some("1") {
            return Some("it is still reading its data");
        }
        if self.get("role") == Some("slave") {
            return Some("it is a replica, and must not be written to");
        }
        None
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.get("cluster_enabled") == Some("1")
    }

    pub(crate) fn version(&self) -> &str {
        self.get("redis_version").unwrap_or("unknown")
    }

    pub(crate) fn is_too_old(&self) -> bool {
        let mut parts = self
            .version()
            .split('.')
            .map_while(|part| part.parse().ok());
        let version = (parts.next(), parts.next());
        matches!(version, (Some(major), Some(minor)) if (major, minor) < OLDEST)
    }
}

/// What a Redis server promises about what is written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promises {
    /// Its version, or that of Redis which it says it is like.
    pub version: String,
    /// Whether it keeps an append-only file.
    pub appendonly: bool,
    /// When that is flushed to the disk; `None` where it may not be asked.
    pub appendfsync: Option<String>,
    /// When it takes snapshots; `None` where it may not be asked.
    pub save: Option<String>,
    /// What it does when its memory is full.
    pub maxmemory_policy: String,
    /// `master` or `slave`, in its own words.
    pub role: String,
    /// How many replicas are connected.
    pub replicas: u64,
    /// Without how many it does not write; `None` where it may not be asked.
    pub min_replicas_to_write: Option<u64>,
    /// Whether it is a node of a cluster.
    pub cluster_enabled: bool,
}

impl Promises {
    /// What is wrong whatever one wants of it: what it is, why that matters, and what mends it. When it writes to disk,
    /// and whether replicas have it then, is a choice.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.maxmemory_policy != "noeviction" {
            problems.push(format!(
                "maxmemory-policy is {}: when its memory is full Redis throws sessions away, and revocations with them. Set it \
                 to noeviction",
                self.maxmemory_policy
            ));
        }
        problems
    }
}
