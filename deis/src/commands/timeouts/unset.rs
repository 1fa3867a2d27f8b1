use clap::Args;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Give an app's processes as much time to end as others have, which makes a release
#[derive(Debug, Args)]
pub struct Unset {
    /// Process types, ex: web
    #[arg(required = true, value_name = "type")]
    types: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app_to_change(&self.change)?;
        let timeouts = self.types.into_iter().map(|kind| (kind, None)).collect();
        super::change(context, &session, timeouts).await
    }
}
