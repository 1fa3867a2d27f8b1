use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Have no router serve an app: whoever calls it is told that there is no such app
///
/// Its processes go on running.
#[derive(Debug, Args)]
pub struct Disable {
    #[command(flatten)]
    app: AppArgs,
}

impl Disable {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = format!("Disabling routing for {}... ", session.app);
        let patch = SettingsPatch { routable: Some(false), ..SettingsPatch::default() };
        settings::change(context, &session, label, &patch).await
    }
}
