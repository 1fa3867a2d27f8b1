use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use super::Limits;
use crate::app::AppArgs;
use crate::context::Context;

/// List how much memory and CPU an app's processes may use
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
        let limits = Limits::from(session.get::<Config>(&["config", ""]).await?);
        self.output.show(&mut context.ui, &limits, |ui, limits| super::show(ui, session.app.as_str(), limits))
    }
}
