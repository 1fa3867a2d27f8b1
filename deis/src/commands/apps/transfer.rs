use clap::Args;
use deis_api::rest;
use deis_cli::Failure;

use crate::api::OrGoneOn as _;
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
        let goes_on =
            format!("It may have been given away all the same; 'deis info -a {}' shows whose it is.", session.app);
        let transfer = rest::Transfer { owner: self.username };
        session.post(&[""], &transfer).or_gone_on(&goes_on, None).await?;
        Ok(progress.done("done")?)
    }
}
