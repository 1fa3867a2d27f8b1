//! `deisctl`, the operator's command line. It leans on Kubernetes alone, so that it works when the platform does not.

mod backup;
mod cli;
mod cluster;
mod commands;
mod components;
mod deadline;
mod diagnose;
mod doctor;
mod exec;
mod explanation;
mod forward;
mod holdings;
mod init;
mod inventory;
mod journal;
mod probe;
mod report;
mod rollout;
mod session;
mod settings;
mod state;
mod stop;
mod upgrade;
mod words;

use std::process::ExitCode;

use clap::Parser as _;
use deis_cli::Ui;

use self::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut ui = Ui::system();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ui.report(&error.into()),
    };
    let outcome = runtime.block_on(commands::run(cli, &mut ui));
    // A read of the terminal that nobody waits for any more ends at the next key only.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ui.report(&failure),
    }
}
