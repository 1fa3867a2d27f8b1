//! The newest log lines of every app.
#![warn(missing_docs)]

pub mod config;

pub use config::Config;
