use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Serve an app no longer under a name
#[derive(Debug, Args)]
pub struct Remove {
    /// The name, as domains:list shows it
    #[arg(value_name = "domain")]
    domain: String,
    #[command(flatten)]
    app: AppArgs,
}

impl Remove {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Removing {} from {}... ", self.domain, session.app))?;
        let () = session.delete(&["domains", &self.domain]).await?;
        Ok(progress.done("done")?)
    }
}
