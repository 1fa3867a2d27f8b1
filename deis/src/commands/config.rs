//! An app's environment variables.

pub mod list;
pub mod set;
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
    let progress = context.ui.progress(label)?;
    let patch = ConfigPatch { values, ..ConfigPatch::default() };
    let config: Config = session.deploy(&["config", ""], &patch).await?;
    progress.done("done")?;
    context.ui.line("")?;
    Ok(show(&mut context.ui, &config.app, &plain(&config))?)
}

/// The variables as text: to show them is what the user asked for.
fn plain(config: &Config) -> BTreeMap<String, String> {
    config.values.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect()
}

fn show(ui: &mut Ui, app: &str, values: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Config"))?;
    format::block(ui, values, 6)
}
