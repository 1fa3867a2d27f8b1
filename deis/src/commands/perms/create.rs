use clap::Args;
use deis_api::rest;
use deis_cli::Failure;

use super::ScopeArgs;
use crate::api::Wait;
use crate::context::Context;

/// Let a user use an app, or make one an administrator
#[derive(Debug, Args)]
pub struct Create {
    /// The user's name
    #[arg(value_name = "username")]
    username: String,
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Create {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let username = self.username;
        if self.scope.admin {
            let session = context.session(&self.scope.app.profile)?;
            let progress = context.ui.progress(format!("Adding {username} to system administrators... "))?;
            let () = session.api.post(&["admin", "perms", ""], &rest::Grant { username }, Wait::Short).await?;
            return Ok(progress.done("done")?);
        }
        let session = context.app(&self.scope.app)?;
        let progress = context.ui.progress(format!("Adding {username} to {} collaborators... ", session.app))?;
        session.post(&["perms", ""], &rest::Grant { username }).await?;
        Ok(progress.done("done")?)
    }
}
