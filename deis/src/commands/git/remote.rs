use clap::Args;
use deis_cli::Failure;

use super::DEFAULT_REMOTE;
use crate::app::AppArgs;
use crate::context::Context;
use crate::git;

/// Add the git remote of an app to this repository
#[derive(Debug, Args)]
pub struct Remote {
    /// The name of the remote
    #[arg(short, long, value_name = "name", default_value = DEFAULT_REMOTE)]
    remote: String,
    /// Replace a remote of that name
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    app: AppArgs,
}

impl Remote {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let (name, url) = (self.remote, session.controller().git_url(&session.app));
        if let Some(existing) = git::remotes()?.into_iter().find(|remote| remote.name == name) {
            if existing.url == url {
                let app = &session.app;
                return Ok(context
                    .ui
                    .line(format_args!("Remote {name} already exists and is correctly configured for app {app}."))?);
            }
            if !self.force {
                return Err(Failure::new(format!(
                    "Remote {name} already exists, please run 'deis git:remote -f' to overwrite\n\
                     Existing remote URL: {}\n\
                     When forced, will overwrite with: {url}",
                    existing.url
                )));
            }
            context.ui.line(format_args!("Deleting git remote {name}."))?;
            git::remove_remote(&name)?;
        }
        git::add_remote(&name, &url)?;
        Ok(context.ui.line(format_args!("Git remote {name} successfully created for app {}.", session.app))?)
    }
}
