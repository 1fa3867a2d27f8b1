//! The router through its doors: real sockets on both sides, the table fed with plain events.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod certificates;
mod draining;
mod ending;
mod explaining;
mod failing;
mod framing;
mod git;
mod lifecycle;
mod limits;
mod proxying;
mod rules;
mod settings;
mod stalling;
mod support;
mod tls;
mod upgrade;
