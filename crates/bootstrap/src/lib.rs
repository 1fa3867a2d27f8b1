//! The first and last page of every process: configuration, logs and traces, the admin port, readiness, tasks, deadlines, shutdown.
//!
//! A service's `main` is one line: `deis_bootstrap::main::<Config, _, _, _>("state", run)`. Its `run` gets its [`Context`] and
//! returns when `context.shutdown` was cancelled and its own work has ended.
#![warn(missing_docs)]

mod admin;
mod config;
mod context;
mod deadline;
mod metrics;
mod process;
mod readiness;
mod stall;
mod tasks;
mod telemetry;

pub use config::ProcessConfig;
pub use context::{BindFailed, Context};
pub use deadline::{DeadlineExceeded, deadline};
pub use metrics::Metrics;
pub use process::main;
pub use readiness::{Latch, Readiness};
pub use stall::{Companion, Idle, Stalled};
pub use tasks::{TaskFailed, TaskHandle, Tasks};
