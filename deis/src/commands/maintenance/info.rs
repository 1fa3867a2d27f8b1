use clap::Args;
use deis_api::rest::AppSettings;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// Show whether an app is in maintenance
#[derive(Debug, Args)]
pub struct Info {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Info {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let AppSettings { maintenance, .. } = session.get(&["settings", ""]).await?;
        let state = if maintenance { "on" } else { "off" };
        self.output.show(&mut context.ui, &maintenance, |ui, _on| ui.line(format_args!("Maintenance mode is {state}.")))
    }
}
