use clap::Args;
use deis_api::rest::ServiceRemoval;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Take a process type's paths from it: requests for them go to the served one again
#[derive(Debug, Args)]
pub struct Remove {
    /// The process type, as services:list shows it
    #[arg(value_name = "type")]
    procfile_type: String,
    #[command(flatten)]
    app: AppArgs,
}

impl Remove {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let procfile_type = self.procfile_type;
        let progress = context.ui.progress(format!("Removing {procfile_type} from {}... ", session.app))?;
        session.delete_some(&["services", ""], &ServiceRemoval { procfile_type }).await?;
        Ok(progress.done("done")?)
    }
}
