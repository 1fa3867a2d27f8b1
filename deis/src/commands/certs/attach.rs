use clap::Args;
use deis_api::rest::Attachment;
use deis_cli::Failure;

use crate::api::Wait;
use crate::context::{Context, ProfileArgs};

/// Serve a domain with a certificate
#[derive(Debug, Args)]
pub struct Attach {
    /// The certificate, as certs:list shows it
    #[arg(value_name = "name")]
    name: String,
    /// The domain, as domains:list shows it
    #[arg(value_name = "domain")]
    domain: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Attach {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let Self { name, domain, profile } = self;
        let session = context.session(&profile)?;
        let progress = context.ui.progress(format!("Attaching certificate {name} to domain {domain}... "))?;
        let (path, body) = (["certs", &name, "domain", ""], Attachment { domain });
        let () = session.api.post(&path, &body, Wait::Short).await?;
        Ok(progress.done("done")?)
    }
}
