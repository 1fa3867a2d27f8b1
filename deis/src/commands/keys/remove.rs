use clap::Args;
use deis_cli::Failure;

use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Remove one of your SSH keys
#[derive(Debug, Args)]
pub struct Remove {
    /// The key's name, as keys:list shows it
    #[arg(value_name = "key")]
    key: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Remove {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let progress = context.ui.progress(format!("Removing {} SSH Key... ", self.key))?;
        let () = session.api.delete(&["keys", &self.key], Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}
