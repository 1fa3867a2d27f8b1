use clap::Args;
use deis_api::rest::App;
use deis_cli::{Failure, OutputArgs};

use crate::context::{Context, PageArgs, ProfileArgs};
use crate::format;

/// List the apps that you may use
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let apps = context.session(&self.profile)?.list::<App>(&["apps", ""], &self.page).await?;
        self.output.show(&mut context.ui, &apps.results, |ui, results| {
            format::head(ui, "Apps", &apps)?;
            results.iter().try_for_each(|app| ui.line(&app.id))
        })
    }
}
