use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// Show the credentials that an app's images are pulled with
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
        let registry = super::plain(&config);
        self.output.show(&mut context.ui, &registry, |ui, registry| super::show(ui, session.app.as_str(), registry))
    }
}
