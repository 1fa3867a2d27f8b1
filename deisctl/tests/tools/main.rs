//! The operator's commands as a person runs them, before an API server and a helm that say what the test wants: what is shown, and
//! what is done when something goes wrong at an exact moment.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]

mod cluster;
mod commands;
mod grpc;
mod helm;
mod journal;
mod orphans;
mod platform;
mod routers;
mod session;
mod shown;
mod state;
mod stop;
mod upgrade;
