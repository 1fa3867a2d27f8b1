//! Tests on the real node. They share the platform that `make test` has installed; each makes its own users and apps.
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests assert by panicking")]

mod autoscale;
mod builders;
mod calls;
mod certs;
mod components;
mod disruption;
mod doctor;
mod failures;
mod first_week;
mod forced_deletes;
mod isolation;
mod kills;
mod languages;
mod lifecycle;
mod logs;
mod lossless;
mod operator;
mod power;
mod pull;
mod routing;
mod rules;
mod run;
mod secrets;
mod services;
mod settings;
mod stores;
mod support;
mod talk;
mod tools;
mod traces;
mod weather;
