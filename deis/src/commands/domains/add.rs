use clap::Args;
use deis_api::rest;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Serve an app under a further name
#[derive(Debug, Args)]
pub struct Add {
    /// The name, ex: www.example.com or *.example.com; without a dot it stands under the platform's domain
    #[arg(value_name = "domain")]
    domain: String,
    #[command(flatten)]
    app: AppArgs,
}

impl Add {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let progress = context.ui.progress(format!("Adding {} to {}... ", self.domain, session.app))?;
        session.post(&["domains", ""], &rest::NewDomain { domain: self.domain }).await?;
        Ok(progress.done("done")?)
    }
}
