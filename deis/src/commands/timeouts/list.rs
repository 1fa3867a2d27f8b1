use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List how long an app's processes have to end, in seconds
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
        let timeouts = session.get::<Config>(&["config", ""]).await?.termination_grace_period;
        self.output.show(&mut context.ui, &timeouts, |ui, timeouts| super::show(ui, session.app.as_str(), timeouts))
    }
}
