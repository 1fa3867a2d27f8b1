use clap::Args;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Unset environment variables of an app, which makes a release
#[derive(Debug, Args)]
pub struct Unset {
    /// Variables, ex: MODE
    #[arg(required = true, value_name = "key")]
    keys: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app_to_change(&self.change)?;
        let values = self.keys.into_iter().map(|key| (key, None)).collect();
        super::change(context, &session, "Removing config... ", values).await
    }
}
