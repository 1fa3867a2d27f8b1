use clap::Args;
use deis_api::rest::Build;
use deis_cli::{Failure, OutputArgs};

use super::SUCCEEDED;
use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List an app's builds, with those that failed or were cancelled
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let builds = session.list::<Build>(&["builds", ""], &self.page).await?;
        self.output.show(&mut context.ui, &builds.results, |ui, results| {
            format::head(ui, format_args!("{} Builds", session.app), &builds)?;
            results.iter().try_for_each(|Build { uuid, created, state, .. }| match state.as_str() {
                SUCCEEDED => ui.line(format_args!("{uuid} {created}")),
                state => ui.line(format_args!("{uuid} {created} {state}")),
            })
        })
    }
}
