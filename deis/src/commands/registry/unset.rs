use clap::Args;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Forget credentials that an app's images are pulled with, which makes a release
#[derive(Debug, Args)]
pub struct Unset {
    /// username or password, or both
    #[arg(required = true, value_name = "key")]
    keys: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Unset {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.keys.iter().try_for_each(|key| super::expect_key(key))?;
        let session = context.app_to_change(&self.change)?;
        let registry = self.keys.into_iter().map(|key| (key, None)).collect();
        super::change(context, &session, registry).await
    }
}
