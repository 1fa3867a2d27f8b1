use clap::Args;
use deis_api::rest::Config;
use deis_cli::{Failure, OutputArgs};

use crate::app::AppArgs;
use crate::context::Context;

/// List an app's environment variables
#[derive(Debug, Args)]
pub struct List {
    /// All on one line: A=1 B=2
    #[arg(long)]
    oneline: bool,
    /// One to a line: A=1
    #[arg(long, conflicts_with = "oneline")]
    diff: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    app: AppArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let config = context.app(&self.app)?.get::<Config>(&["config", ""]).await?;
        self.output.show(&mut context.ui, &super::plain(&config), |ui, values| {
            let mut pairs = values.iter().map(|(key, value)| format!("{key}={value}"));
            if self.oneline {
                ui.line(pairs.collect::<Vec<_>>().join(" "))
            } else if self.diff {
                pairs.try_for_each(|pair| ui.line(pair))
            } else {
                super::show(ui, &config.app, values)
            }
        })
    }
}
