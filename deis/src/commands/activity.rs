use std::io;

use clap::Args;
use deis_api::rest::{Activity as Entry, Page};
use deis_cli::{Failure, OutputArgs, Ui, table};

use super::apps::logs::line::harmless;
use crate::app::AppArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List who did what to an app, the newest first
#[derive(Debug, Args)]
pub struct Activity {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Activity {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let entries = session.list::<Entry>(&["activity", ""], &self.page).await?;
        let app = session.app.as_str();
        self.output.show(&mut context.ui, &entries.results, |ui, results| show(ui, app, &entries, results))
    }
}

fn show(ui: &mut Ui, app: &str, page: &Page<Entry>, entries: &[Entry]) -> io::Result<()> {
    format::head(ui, format_args!("{app} Activity"), page)?;
    let rows = entries.iter().map(|entry| {
        let user = entry.user.as_deref().unwrap_or("the platform");
        let address = entry.address.as_deref().unwrap_or("-");
        [
            entry.time.to_string(),
            harmless(user),
            harmless(address),
            harmless(&entry.action),
            harmless(&format::changes(&entry.before, &entry.after).join(", ")),
        ]
    });
    ui.line(table(["TIME", "USER", "FROM", "ACTION", "CHANGE"], rows))?;
    let broken = entries.iter().filter(|entry| !entry.intact).map(|entry| entry.number.to_string()).collect::<Vec<_>>();
    if !broken.is_empty() {
        ui.warn(format_args!(
            " !    Somebody has changed entry {}, or taken away what came before: ask who can write to the platform's database.",
            broken.join(", ")
        ))?;
    }
    Ok(())
}
