use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Have the routers serve an app again
#[derive(Debug, Args)]
pub struct Off {
    #[command(flatten)]
    app: AppArgs,
}

impl Off {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Disabling maintenance mode for {}... ", session.app);
        let patch = SettingsPatch { maintenance: Some(false), ..SettingsPatch::default() };
        settings::change(context, &session, label, &patch).await
    }
}
