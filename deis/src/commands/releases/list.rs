use clap::Args;
use deis_api::rest::Release;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List an app's releases
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
        let releases = session.list::<Release>(&["releases", ""], &self.page).await?;
        self.output.show(&mut context.ui, &releases.results, |ui, results| {
            format::head(ui, format_args!("{} Releases", session.app), &releases)?;
            results.iter().try_for_each(|Release { version, created, summary, .. }| {
                // The zone as a word, as the talk shows it.
                let created = created.timestamp().strftime("%Y-%m-%dT%H:%M:%SUTC");
                ui.line(format_args!("v{version}\t{created}\t{summary}"))
            })
        })
    }
}
