//! The logger through its edges: gRPC with mutual TLS in front, a real Redis behind; for the agent real files and the program itself.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests assert by panicking")]

mod agent;
mod append;
mod authority;
mod kubelet;
mod kubernetes;
mod outage;
mod read;
mod redis;
mod service;
