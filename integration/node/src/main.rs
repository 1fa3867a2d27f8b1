//! `deis-node`: starts, stops and feeds the test node.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use deis_node::folder::Folder;
use deis_node::{DEFAULT_FOLDER, FOLDER_VARIABLE, init, supervisor};
use tracing::Level;

/// A real one-node Kubernetes for tests, in namespaces of its own on this machine
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder that holds everything the node keeps
    #[arg(long, global = true, env = FOLDER_VARIABLE, default_value = DEFAULT_FOLDER)]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build Kubernetes and its companions into the cache, and print their folder
    Build,
    /// Start the node, if it does not run, and wait until it is Ready
    Up,
    /// Stop the node and remove all that it made
    Down(commands::down::Arguments),
    /// Say whether the node runs, and where everything is
    Status(commands::status::Arguments),
    /// Print what a shell needs to use the node: eval "$(deis-node env)"
    Env,
    /// Load images into the node
    Load(commands::load::Arguments),
    /// Print the log of one of the node's processes
    Logs(commands::logs::Arguments),
    /// Run a program inside the node
    Exec(commands::exec::Arguments),
    #[command(hide = true)]
    Supervise {
        #[arg(long)]
        programs: PathBuf,
    },
    #[command(hide = true)]
    Init {
        #[arg(long)]
        programs: PathBuf,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let folder = Folder::new(std::path::absolute(arguments.dir)?);
    match arguments.command {
        Command::Build => commands::build::run().await,
        Command::Up => commands::up::run(&folder).await,
        Command::Down(arguments) => commands::down::run(&folder, &arguments).await,
        Command::Status(arguments) => commands::status::run(&folder, &arguments).await,
        Command::Env => commands::env::run(folder),
        Command::Load(arguments) => commands::load::run(folder, &arguments).await,
        Command::Logs(arguments) => commands::logs::run(&folder, &arguments),
        Command::Exec(arguments) => commands::exec::run(folder, &arguments),
        Command::Supervise { programs } => {
            log_to_standard_error();
            supervisor::run(folder, programs).await
        }
        Command::Init { programs } => {
            log_to_standard_error();
            init::run(folder, programs).await
        }
    }
}

/// The daemons' standard error is their log file.
fn log_to_standard_error() {
    tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(std::io::stderr).with_ansi(false).init();
}
