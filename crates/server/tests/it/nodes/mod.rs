//! Many nodes over one store are one server: whatever one of them does, the others know, and each
//! may come, go or die while people are served.
//!
//! Every test runs twice, with sessions in PostgreSQL and in Redis.

mod cluster;
mod compose;
mod encrypted;
mod failover;
mod faults;
mod moving;
mod one_server;
mod promises;
mod redis;
mod rotation;
mod stream;

/// Makes a test of each function: of a cluster, for each place sessions may be in.
macro_rules! with_each_store {
    ($($nodes:literal $test:ident)*) => {
        mod in_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    use crate::nodes::cluster::{Cluster, Sessions};
                    if let Some(cluster) = Cluster::start($nodes, Sessions::InPostgres).await {
                        super::$test(cluster).await;
                    }
                }
            )*
        }
        mod in_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    use crate::nodes::cluster::{Cluster, Sessions};
                    if let Some(cluster) = Cluster::start($nodes, Sessions::InRedis).await {
                        super::$test(cluster).await;
                    }
                }
            )*
        }
    };
}
use with_each_store;
