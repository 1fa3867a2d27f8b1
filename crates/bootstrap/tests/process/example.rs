//! The process that `tests/process.rs` starts.
#![expect(clippy::panic, reason = "one mode panics on purpose")]

use std::fmt;
use std::process::ExitCode;

use deis_bootstrap::{Context, ProcessConfig};

#[derive(clap::Parser)]
struct Config {
    #[command(flatten)]
    process: ProcessConfig,
    #[arg(long)]
    mode: String,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        &self.process
    }
}

#[derive(Debug)]
struct Failed(std::io::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the example failed")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn main() -> ExitCode {
    deis_bootstrap::main("example", run)
}

async fn run(config: Config, context: Context) -> Result<(), Failed> {
    context.metrics.counter("starts", "Starts of the example").inc();
    let latch = context.readiness.latch("a latch that stays");
    tracing::info!("the example runs");
    match config.mode.as_str() {
        "hang" => drop(context.tasks.spawn("hanging", std::future::pending::<()>())),
        "panic" => drop(context.tasks.spawn("panicking", async { panic!("on purpose") })),
        "fail" => return Err(Failed(std::io::Error::other("on purpose"))),
        _ => {}
    }
    context.shutdown.cancelled().await;
    latch.release();
    Ok(())
}
