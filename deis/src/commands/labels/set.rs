use std::collections::BTreeMap;

use clap::Args;
use deis_api::rest::SettingsPatch;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::commands::settings;
use crate::context::Context;

/// Give an app labels: notes for you and your team
#[derive(Debug, Args)]
pub struct Set {
    /// Labels, ex: team=frontend
    #[arg(required = true, value_name = "key=value")]
    labels: Vec<String>,
    #[command(flatten)]
    app: AppArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let label = Some(self.labels.iter().map(|item| parse(item)).collect::<Result<BTreeMap<_, _>, _>>()?);
        let session = context.app(&self.app)?;
        let told = format!("Applying labels on {}... ", session.app);
        settings::change(context, &session, told, &SettingsPatch { label, ..SettingsPatch::default() }).await
    }
}

fn parse(item: &str) -> Result<(String, Option<String>), Failure> {
    match item.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), Some(value.to_owned()))),
        _ => Err(Failure::new(format!(
            "{item} is invalid, Must be in format key=value\nExamples: team=frontend stage=test"
        ))),
    }
}
