use clap::Args;
use deis_api::rest::Domain;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List the names under which an app is served
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
        let domains = session.list::<Domain>(&["domains", ""], &self.page).await?;
        self.output.show(&mut context.ui, &domains.results, |ui, results| {
            format::head(ui, format_args!("{} Domains", session.app), &domains)?;
            results.iter().try_for_each(|domain| ui.line(&domain.domain))
        })
    }
}
