use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Take labels from an app
#[derive(Debug, Args)]
pub struct Unset {
    /// The labels, as labels:list shows them
    #[arg(required = true, value_name = "key")]
    keys: Vec<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let label = Some(self.keys.into_iter().map(|key| (key, None)).collect());
        let told = format!("Removing labels on {}... ", session.app);
        settings::change(context, &session, told, &SettingsPatch { label, ..SettingsPatch::default() }).await
    }
}
