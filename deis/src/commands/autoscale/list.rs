use clap::Args;
use deis_api::rest::AppSettings;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List which processes are scaled by how much CPU they use
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let settings = session.get::<AppSettings>(&["settings", ""]).await?;
        let rules = settings.autoscale;
        self.output.show(&mut context.ui, &rules, |ui, rules| super::show(ui, session.app.as_str(), rules))
    }
}
