//! The process that `tests/process.rs` starts: it appends each line of its standard input to a file, between two failpoints.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use deis_bootstrap::{BindFailed, Context, ProcessConfig};
use deis_failpoints::Failpoints;

#[derive(clap::Args)]
struct Config {
    #[command(flatten)]
    process: ProcessConfig,
    #[arg(long)]
    file: PathBuf,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        &self.process
    }
}

#[derive(Debug)]
enum Failed {
    Bind(BindFailed),
    Write(std::io::Error),
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failed {}

impl From<BindFailed> for Failed {
    fn from(error: BindFailed) -> Self {
        Self::Bind(error)
    }
}

fn main() -> ExitCode {
    deis_failpoints::main("example", &["write.before", "write.after"], run)
}

async fn run(config: Config, context: Context, failpoints: Failpoints) -> Result<(), Failed> {
    let copied = context.tasks.blocking("copy", move || copy(&config, &failpoints)).await;
    copied.unwrap_or(Ok(())).map_err(Failed::Write)
}

fn copy(config: &Config, failpoints: &Failpoints) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(&config.file)?;
    for line in std::io::stdin().lines() {
        let line = line?;
        failpoints.pass("write.before");
        writeln!(file, "{line}")?;
        failpoints.pass("write.after");
    }
    Ok(())
}
