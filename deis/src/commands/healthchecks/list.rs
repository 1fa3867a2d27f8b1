use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use super::probe;
use crate::app::AppArgs;
use crate::context::Context;

/// List an app's health checks
#[derive(Debug, Args)]
pub struct List {
    /// Those of one process type
    #[arg(long = "type", value_name = "type")]
    kind: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let checks = super::of_type(session.get::<Config>(&["config", ""]).await?, self.kind.as_deref())?;
        self.output.show(&mut context.ui, &checks, |ui, checks| probe::show(ui, session.app.as_str(), checks))
    }
}
