use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Have the routers answer for an app that it is being worked on (503)
///
/// Its processes go on running.
#[derive(Debug, Args)]
pub struct On {
    #[command(flatten)]
    app: AppArgs,
}

impl On {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Enabling maintenance mode for {}... ", session.app);
        let patch = SettingsPatch { maintenance: Some(true), ..SettingsPatch::default() };
        settings::change(context, &session, label, &patch).await
    }
}
