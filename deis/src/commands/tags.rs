//! Which nodes an app's processes run on: those whose labels are the app's tags.

pub mod list;
pub mod set;
pub mod unset;

use std::collections::BTreeMap;
use std::io;

use deis_api::rest::ConfigPatch;
use deis_cli::{Failure, Ui};

use crate::app::AppSession;
use crate::context::Context;
use crate::{commands, format};

/// Changes tags, waits for the deploy, and shows what they are now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    tags: BTreeMap<String, Option<String>>,
) -> Result<(), Failure> {
    let patch = ConfigPatch { tags, ..ConfigPatch::default() };
    let config = commands::config::apply(context, session, "Applying tags... ", &patch).await?;
    Ok(show(&mut context.ui, session.app.as_str(), &config.tags)?)
}

fn show(ui: &mut Ui, app: &str, tags: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Tags"))?;
    format::block(ui, tags, format::GAP)
}
