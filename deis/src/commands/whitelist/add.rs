use clap::Args;
use deis_api::rest::Whitelist;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Let only these addresses and networks call an app, and those that it has already
#[derive(Debug, Args)]
pub struct Add {
    /// Addresses and networks, separated by commas, ex: 192.0.2.7,10.0.0.0/8
    #[arg(value_name = "addresses", required = true, value_delimiter = ',')]
    addresses: Vec<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Add {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let addresses = self.addresses;
        let label = format!("Adding {} to {} whitelist...\n", addresses.join(","), session.app);
        let progress = context.ui.progress(label)?;
        session.post(&["whitelist", ""], &Whitelist { addresses }).await?;
        Ok(progress.done("done")?)
    }
}
