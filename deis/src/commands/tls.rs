//! Whether an app is served with https alone.

pub mod disable;
pub mod enable;
pub mod info;

use deis_api::rest::TlsPatch;
use deis_cli::Failure;

use crate::app::AppSession;
use crate::context::Context;

async fn change(
    context: &mut Context,
    session: &AppSession,
    label: String,
    https_enforced: bool,
) -> Result<(), Failure> {
    let progress = context.ui.progress(label)?;
    session.post(&["tls", ""], &TlsPatch { https_enforced }).await?;
    Ok(progress.done("done")?)
}
