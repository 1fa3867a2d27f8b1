use clap::Args;
use deis_cli::Failure;

use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Remove a certificate; its domains are served with the platform's then
#[derive(Debug, Args)]
pub struct Remove {
    /// The certificate, as certs:list shows it
    #[arg(value_name = "name")]
    name: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Remove {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let progress = context.ui.progress(format!("Removing {}... ", self.name))?;
        let () = session.api.delete(&["certs", &self.name], Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}
