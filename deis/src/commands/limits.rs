//! How much memory and CPU each process of a type may use.

pub mod list;
pub mod set;
pub mod unset;

use std::collections::BTreeMap;
use std::io;

use clap::Args;
use deis_api::rest::{Config, ConfigPatch};
use deis_cli::{Failure, Ui};
use serde::Serialize;

use crate::app::AppSession;
use crate::context::Context;
use crate::{commands, format};

/// Which limits are changed.
#[derive(Debug, Args)]
struct ResourceArgs {
    /// The limits are of CPU
    #[arg(long, conflicts_with = "memory")]
    cpu: bool,
    /// The limits are of memory, as they are without an option
    #[arg(short, long)]
    memory: bool,
}

#[derive(Serialize)]
struct Limits {
    memory: BTreeMap<String, String>,
    cpu: BTreeMap<String, String>,
}

impl From<Config> for Limits {
    fn from(Config { memory, cpu, .. }: Config) -> Self {
        Self { memory, cpu }
    }
}

/// Changes limits by process type, waits for the deploy, and shows what they are now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    resource: &ResourceArgs,
    limits: BTreeMap<String, Option<String>>,
) -> Result<(), Failure> {
    let patch = if resource.cpu {
        ConfigPatch { cpu: limits, ..ConfigPatch::default() }
    } else {
        ConfigPatch { memory: limits, ..ConfigPatch::default() }
    };
    let config = commands::config::apply(context, session, "Applying limits... ", &patch).await?;
    Ok(show(&mut context.ui, session.app.as_str(), &config.into())?)
}

fn show(ui: &mut Ui, app: &str, limits: &Limits) -> io::Result<()> {
    ui.line(format_args!("=== {app} Limits"))?;
    for (title, limits) in [("Memory", &limits.memory), ("CPU", &limits.cpu)] {
        ui.line(format_args!("\n--- {title}"))?;
        if limits.is_empty() {
            ui.line("Unlimited")?;
        } else {
            format::block(ui, limits, format::GAP)?;
        }
    }
    Ok(())
}
