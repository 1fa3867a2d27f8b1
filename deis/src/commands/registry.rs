//! Credentials for the registry that an app's images are pulled from.

pub mod list;
pub mod set;
pub mod unset;

use std::collections::BTreeMap;
use std::io;

use deis_api::rest::{Config, ConfigPatch, Secret};
use deis_cli::{Failure, Ui};

use crate::app::AppSession;
use crate::context::Context;
use crate::{commands, format};

const USERNAME: &str = "username";
const PASSWORD: &str = "password";

/// What credentials consist of.
fn expect_key(key: &str) -> Result<(), Failure> {
    match key {
        USERNAME | PASSWORD => Ok(()),
        _ => Err(Failure::new(format!("{key} is invalid. Valid keys are \"{USERNAME}\" or \"{PASSWORD}\""))),
    }
}

/// Changes credentials, waits for the deploy, and shows what they are now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    registry: BTreeMap<String, Option<Secret>>,
) -> Result<(), Failure> {
    let patch = ConfigPatch { registry, ..ConfigPatch::default() };
    let config = commands::config::apply(context, session, "Applying registry information... ", &patch).await?;
    Ok(show(&mut context.ui, session.app.as_str(), &plain(&config))?)
}

/// The credentials as text: to show them is what the user asked for.
fn plain(config: &Config) -> BTreeMap<String, String> {
    config.registry.iter().map(|(key, value)| (key.clone(), value.expose().to_owned())).collect()
}

fn show(ui: &mut Ui, app: &str, registry: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Registry"))?;
    format::block(ui, registry, format::GAP)
}
