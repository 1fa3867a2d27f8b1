use clap::Args;
use deis_api::rest;
use deis_cli::Failure;

use crate::api::Repeat;
use crate::app::AppArgs;
use crate::context::Context;

/// Give an app to another owner
#[derive(Debug, Args)]
pub struct Transfer {
    /// The new owner's name
    #[arg(value_name = "username")]
    username: String,
    #[command(flatten)]
    app: AppArgs,
}

impl Transfer {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Transferring {} to {}... ", session.app, self.username))?;
        session.post(&[""], &rest::Transfer { owner: self.username }, Repeat::Doubles).await?;
        Ok(progress.done("done")?)
    }
}
