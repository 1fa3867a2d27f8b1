use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Have the routers serve an app
#[derive(Debug, Args)]
pub struct Enable {
    #[command(flatten)]
    app: AppArgs,
}

impl Enable {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Enabling routing for {}... ", session.app);
        let patch = SettingsPatch { routable: Some(true), ..SettingsPatch::default() };
        settings::change(context, &session, label, &patch).await
    }
}
