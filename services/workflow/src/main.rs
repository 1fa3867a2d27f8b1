//! The controller's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    deis_bootstrap::main::<deis_workflow::Config, _, _, _>("workflow", deis_workflow::run)
}
