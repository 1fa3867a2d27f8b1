//! An app's environment variables.

mod dotenv;
pub mod edit;
pub mod list;
pub mod pull;
pub mod push;
pub mod set;
mod ssh_key;
pub mod unset;

use std::collections::BTreeMap;
use std::io;

use deis_api::rest::{Config, ConfigPatch, Secret};
use deis_cli::{Failure, Ui};

use crate::app::AppSession;
use crate::context::Context;
use crate::format;

/// Changes variables, waits for the deploy, and shows what is set now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    label: &str,
    values: BTreeMap<String, Option<Secret>>,
) -> Result<(), Failure> {
    let patch = ConfigPatch { values, ..ConfigPatch::default() };
    let config = apply(context, session, label, &patch).await?;
    Ok(show(&mut context.ui, &config.app, &plain(&config))?)
}

/// Changes any part of the config and waits for the deploy. What is set now is to be shown after the empty line.
pub async fn apply(
    context: &mut Context,
    session: &AppSession,
    label: &str,
    patch: &ConfigPatch,
) -> Result<Config, Failure> {
    let progress = context.ui.progress(label)?;
    let config = session.deploy(&["config", ""], patch).await?;
    progress.done(session.done("done", session.watch()))?;
    context.ui.line("")?;
    Ok(config)
}

/// The variables as text: to show them is what the user asked for.
fn plain(config: &Config) -> BTreeMap<String, String> {
    config.values.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect()
}

fn show(ui: &mut Ui, app: &str, values: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Config"))?;
    format::block(ui, values, 6)
}
