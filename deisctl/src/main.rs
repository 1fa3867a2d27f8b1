//! `deisctl`, the operator's command line. It leans on Kubernetes alone, so that it works when the platform does not.

mod cli;
mod cluster;
mod commands;
mod components;
mod doctor;
mod exec;
mod forward;
mod init;
mod inventory;
mod probe;
mod report;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;
use deis_cli::Ui;

use self::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut ui = Ui::system();
    match commands::run(cli, &mut ui).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ui.report(&failure),
    }
}
