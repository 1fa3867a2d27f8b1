use clap::Args;
use deis_api::rest::Whitelist;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Let addresses and networks call an app no longer; with the last of them everybody may again
#[derive(Debug, Args)]
pub struct Remove {
    /// Addresses and networks, separated by commas, as whitelist:list shows them
    #[arg(value_name = "addresses", required = true, value_delimiter = ',')]
    addresses: Vec<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Remove {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let addresses = self.addresses;
        let label = format!("Removing {} from {} whitelist...\n", addresses.join(","), session.app);
        let progress = context.ui.progress(label)?;
        session.delete_some(&["whitelist", ""], &Whitelist { addresses }).await?;
        Ok(progress.done("done")?)
    }
}
