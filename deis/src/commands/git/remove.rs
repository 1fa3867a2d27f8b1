use clap::Args;
use deis_cli::Failure;

use crate::app::AppArgs;
use crate::context::Context;
use crate::git;

/// Remove the git remotes of an app from this repository
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    app: AppArgs,
}

impl Remove {
    pub fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app(&self.app)?;
        let url = session.controller().git_url(&session.app);
        let remotes = git::remotes()?.into_iter().filter(|remote| remote.url == url).collect::<Vec<_>>();
        if remotes.is_empty() {
            return Err(Failure::new("Could not find remote matching app in 'git remote -v'"));
        }
        remotes.iter().try_for_each(|remote| git::remove_remote(&remote.name))?;
        Ok(context.ui.line(format_args!("Git remotes for app {} removed.", session.app))?)
    }
}
