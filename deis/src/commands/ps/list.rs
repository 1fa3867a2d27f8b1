use clap::Args;
use deis_api::rest::PodList;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List an app's processes
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
        let pods = session.get::<PodList>(&["pods", ""]).await?;
        let app = session.app.as_str();
        self.output.show(&mut context.ui, &pods.results, |ui, pods| super::show(ui, app, pods))
    }
}
