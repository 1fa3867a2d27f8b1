use clap::Args;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Run an app only on nodes with these labels, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// Labels of nodes, ex: disk=ssd
    #[arg(required = true, value_name = "key=value")]
    tags: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let tags = self.tags.iter().map(|item| parse(item)).collect::<Result<_, _>>()?;
        let session = context.app_to_change(&self.change)?;
        super::change(context, &session, tags).await
    }
}

fn parse(item: &str) -> Result<(String, Option<String>), Failure> {
    match item.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), Some(value.to_owned()))),
        _ => Err(Failure::new(format!("{item} is invalid, Must be in format key=value\nExamples: disk=ssd zone=eu-1"))),
    }
}
