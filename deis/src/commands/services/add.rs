use clap::Args;
use deis_api::rest::Service;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Give a process type paths of an app: requests for them go to its processes
#[derive(Debug, Args)]
pub struct Add {
    /// The process type, ex: api
    #[arg(long = "type", value_name = "type")]
    procfile_type: String,
    /// How the paths begin, as regular expressions that are separated by commas, ex: /api/,/v[0-9]+/
    #[arg(long = "route", value_name = "pattern")]
    path_pattern: String,
    #[command(flatten)]
    app: AppArgs,
}

impl Add {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let Self { procfile_type, path_pattern, .. } = self;
        let label = format!("Adding {procfile_type} ({path_pattern}) to {}... ", session.app);
        let progress = context.ui.progress(label)?;
        session.post(&["services", ""], &Service { procfile_type, path_pattern }).await?;
        Ok(progress.done("done")?)
    }
}
