//! How long an app's processes have to end before they are killed.

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

/// Changes timeouts by process type, waits for the deploy, and shows what they are now.
async fn change(
    context: &mut Context,
    session: &AppSession,
    timeouts: BTreeMap<String, Option<String>>,
) -> Result<(), Failure> {
    let patch = ConfigPatch { termination_grace_period: timeouts, ..ConfigPatch::default() };
    let config = commands::config::apply(context, session, "Applying timeouts... ", &patch).await?;
    Ok(show(&mut context.ui, session.app.as_str(), &config.termination_grace_period)?)
}

fn show(ui: &mut Ui, app: &str, timeouts: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Timeouts (sec)"))?;
    if timeouts.is_empty() {
        ui.line("default (30 sec) or controlled by env KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS")
    } else {
        format::block(ui, timeouts, format::GAP)
    }
}
