use clap::Args;
use deis_cli::Failure;

use super::ScopeArgs;
use crate::api::Wait;
use crate::context::Context;

/// Let a user no longer use an app, or be an administrator
#[derive(Debug, Args)]
pub struct Delete {
    /// The user's name
    #[arg(value_name = "username")]
    username: String,
    #[command(flatten)]
    scope: ScopeArgs,
}

impl Delete {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let username = self.username;
        if self.scope.admin {
            let session = context.session(&self.scope.app.profile)?;
            let progress = context.ui.progress(format!("Removing {username} from system administrators... "))?;
            let () = session.api.delete(&["admin", "perms", &username], Wait::Short).await?;
            return Ok(progress.done("done")?);
        }
        let session = context.app(&self.scope.app)?;
        let progress = context.ui.progress(format!("Removing {username} from {} collaborators... ", session.app))?;
        let () = session.delete(&["perms", &username]).await?;
        Ok(progress.done("done")?)
    }
}
