//! The router's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    deis_bootstrap::main::<deis_router::Config, _, _, _>("router", deis_router::run)
}
