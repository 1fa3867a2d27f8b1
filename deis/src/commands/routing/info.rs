use clap::Args;
use deis_api::rest::AppSettings;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// Show whether the routers serve an app
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
        let AppSettings { routable, .. } = session.get(&["settings", ""]).await?;
        let state = if routable { "enabled" } else { "disabled" };
        self.output.show(&mut context.ui, &routable, |ui, _on| ui.line(format_args!("Routing is {state}.")))
    }
}
