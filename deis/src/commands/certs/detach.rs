use clap::Args;
use deis_cli::Failure;

use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Serve a domain with a certificate no longer, but with the platform's
#[derive(Debug, Args)]
pub struct Detach {
    /// The certificate, as certs:list shows it
    #[arg(value_name = "name")]
    name: String,
    /// The domain, as certs:info shows it
    #[arg(value_name = "domain")]
    domain: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Detach {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { name, domain, profile } = self;
        let session = context.session(&profile)?;
        let progress = context.ui.progress(format!("Detaching certificate {name} from domain {domain}... "))?;
        let () = session.api.delete(&["certs", &name, "domain", &domain], Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}
