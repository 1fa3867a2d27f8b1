use clap::Args;
use deis_cli::Failure;
use serde_json::Value;

use super::{Check, TypeArgs};
use crate::app::ChangeArgs;
use crate::context::Context;

/// Have processes checked no longer, which makes a release
#[derive(Debug, Args)]
pub struct Unset {
    /// What is not checked any more
    #[arg(required = true, value_name = "check", value_parser = Check::WORDS)]
    checks: Vec<Check>,
    #[command(flatten)]
    kind: TypeArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app_to_change(&self.change)?;
        let probes = self.checks.iter().map(|check| (check.field().to_owned(), Value::Null)).collect();
        super::change(context, &session, "Removing healthchecks... ", self.kind, probes).await
    }
}
