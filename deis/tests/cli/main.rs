//! `deis` through its public edge: the real program against a controller that answers as the contract says.
//!
//! A snapshot shows what a person sees on stdout and stderr, the exit code, and what the controller was asked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]
#![expect(unreachable_pub, reason = "a program exports nothing")]

mod account;
mod activity;
mod apps;
mod auth;
mod autoscale;
mod builds;
mod certs;
mod colours;
mod commands;
mod completions;
mod config;
mod config_edit;
mod dependencies;
mod doctor;
mod domains;
mod explain;
mod general;
mod git;
mod healthchecks;
mod keys;
mod limits;
mod logs;
mod man;
mod no_wait;
mod perms;
mod ps;
mod reference;
mod registry;
mod releases;
mod repeat;
mod run;
mod session;
mod settings;
mod stub;
mod stub_session;
mod tags;
mod terminal;
mod timeout;
mod timeouts;
mod tls;
mod transcript;
mod users;
mod watch;
