//! The service through its public edge, on a real PostgreSQL; the cluster, the routers and the locks are in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests assert by panicking, and start what they need"
)]

mod accounts;
mod apps;
mod builds;
mod cluster;
mod concurrency;
mod config;
mod destroy;
mod domains;
mod keys;
mod logger;
mod logs;
mod postgres;
mod pull;
mod push;
mod releases;
mod restart;
mod sandbox;
mod scale;
mod sharing;
