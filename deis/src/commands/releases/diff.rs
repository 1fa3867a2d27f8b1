use std::io;

use clap::Args;
use deis_api::rest::ReleaseDifference;
use deis_cli::{Failure, OutputArgs, Ui};

use crate::app::AppArgs;
use crate::commands::apps::logs::line::harmless;
use crate::context::Context;
use crate::format;

/// Show what is different between two releases; values that may be secret are not shown
#[derive(Debug, Args)]
pub struct Diff {
    /// The one release, ex: v2
    #[arg(value_name = "version")]
    version: String,
    /// The other release, ex: v3
    #[arg(value_name = "other")]
    other: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl Diff {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let (version, other) = (super::version(&self.version)?, super::version(&self.other)?);
        let session = context.app(&self.app)?;
        let (version, other) = (format!("v{version}"), format!("v{other}"));
        let difference = session.get::<ReleaseDifference>(&["releases", &version, "diff", &other, ""]).await?;
        let app = session.app.as_str();
        self.output.show(&mut context.ui, &difference, |ui, difference| show(ui, app, difference))
    }
}

fn show(ui: &mut Ui, app: &str, difference: &ReleaseDifference) -> io::Result<()> {
    let ReleaseDifference { from, to, before, after } = difference;
    ui.line(format_args!("=== {app} {from} -> {to}"))?;
    let changes = format::changes(before, after);
    if changes.is_empty() {
        return ui.line("Nothing is different.");
    }
    changes.iter().try_for_each(|change| ui.line(harmless(change)))
}
