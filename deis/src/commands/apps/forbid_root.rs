use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Let the images of an app no longer run as root, for administrators
#[derive(Debug, Args)]
pub struct ForbidRoot {
    #[command(flatten)]
    app: AppArgs,
}

impl ForbidRoot {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Forbidding root for {}... ", session.app))?;
        let () = session.delete(&["root", ""]).await?;
        Ok(progress.done("done")?)
    }
}
