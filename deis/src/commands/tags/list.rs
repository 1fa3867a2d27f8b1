use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List an app's tags: the labels that its nodes have
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
        let config = session.get::<Config>(&["config", ""]).await?;
        self.output.show(&mut context.ui, &config.tags, |ui, tags| super::show(ui, session.app.as_str(), tags))
    }
}
