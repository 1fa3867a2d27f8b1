use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;

/// Send whoever calls an app without encryption to https
#[derive(Debug, Args)]
pub struct Enable {
    #[command(flatten)]
    app: AppArgs,
}

impl Enable {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Enabling https-only requests for {}... ", session.app);
        super::change(context, &session, label, true).await
    }
}
