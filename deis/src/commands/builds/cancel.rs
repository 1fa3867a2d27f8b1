use clap::Args;
use deis_api::rest::CancelledBuild;
use deis_cli::Failure;

use crate::api::OrGoneOn as _;
use crate::app::AppArgs;
use crate::context::Context;

/// Cancel the build that runs
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    app: AppArgs,
}

impl Cancel {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Cancelling the build of {}... ", session.app))?;
        let goes_on = format!("It may have been cancelled all the same; 'deis builds -a {}' shows it.", session.app);
        let cancelling = session.delete(&["builds", "running", ""]);
        let CancelledBuild { sha } = cancelling.or_gone_on(&goes_on, None).await?;
        Ok(progress.done(format_args!("done, {}", sha.get(..7).unwrap_or(&sha)))?)
    }
}
