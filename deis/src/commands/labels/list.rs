use std::collections::BTreeMap;
use std::io;

use clap::Args;
use deis_api::rest::AppSettings;
use deis_cli::{Failure, OutputArgs, Ui};

use crate::app::AppArgs;
use crate::context::Context;
use crate::format;

/// List the labels of an app
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
        let settings = session.get::<AppSettings>(&["settings", ""]).await?;
        self.output.show(&mut context.ui, &settings.label, |ui, labels| show(ui, session.app.as_str(), labels))
    }
}

fn show(ui: &mut Ui, app: &str, labels: &BTreeMap<String, String>) -> io::Result<()> {
    ui.line(format_args!("=== {app} Label"))?;
    if labels.is_empty() {
        return ui.line("No labels found.");
    }
    let lines = labels.iter().map(|(key, value)| (format!("{key}:"), value.clone())).collect();
    format::block(ui, &lines, format::GAP)
}
