//! Settings of an app that make no release; the commands that change them stand in groups of their own.

use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppSession;
use crate::context::Context;

/// Changes settings, with a word of what is done.
pub async fn change(
    context: &mut Context,
    session: &AppSession,
    label: String,
    patch: &SettingsPatch,
) -> Result<(), Failure> {
    let progress = context.ui.progress(label)?;
    session.post(&["settings", ""], patch).await?;
    Ok(progress.done("done")?)
}
