//! What clients see, whatever the ledger is in; the cluster, the routers, the builder and the logger are the tests' own.

mod accounts;
mod apps;
mod autoscale;
mod bad_input;
mod builds;
mod cluster;
mod concurrency;
mod config;
mod destroy;
mod domains;
mod explain;
mod failpoints;
mod keys;
mod logger;
mod logs;
mod pods;
mod progress;
mod pull;
mod push;
mod releases;
mod repeat;
mod restart;
mod routers;
mod sandbox;
mod scale;
mod sharing;
