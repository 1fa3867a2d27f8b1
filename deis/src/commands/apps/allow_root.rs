use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Let the images of an app run as root, for administrators
#[derive(Debug, Args)]
pub struct AllowRoot {
    #[command(flatten)]
    app: AppArgs,
}

impl AllowRoot {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Allowing root for {}... ", session.app))?;
        session.post(&["root", ""], &()).await?;
        Ok(progress.done("done")?)
    }
}
