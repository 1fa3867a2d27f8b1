use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Serve an app without encryption too
#[derive(Debug, Args)]
pub struct Disable {
    #[command(flatten)]
    app: AppArgs,
}

impl Disable {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Disabling https-only requests for {}... ", session.app);
        super::change(context, &session, label, false).await
    }
}
