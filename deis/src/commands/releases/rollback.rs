use clap::Args;
use deis_api::rest::{self, RolledBack};
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;

/// Make a release of an older one's build and config
#[derive(Debug, Args)]
pub struct Rollback {
    /// The release to go back to, ex: v3; else the one before the last
    #[arg(value_name = "version")]
    version: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Rollback {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let version = self.version.as_deref().map(super::version).transpose()?;
        let session = context.app_to_change(&self.change)?;
        let label = match version {
            Some(version) => format!("Rolling back to v{version}... "),
            None => "Rolling back one release... ".to_owned(),
        };
        let progress = context.ui.progress(label)?;
        let request = rest::Rollback { version: version.map(i64::from) };
        let RolledBack { version } = session.deploy(&["releases", "rollback", ""], &request).await?;
        Ok(progress.done(session.done(format_args!("done, v{version}"), session.watch()))?)
    }
}
