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
        if super::remove_all(git::remotes()?, &session.controller().git_url(&session.app))? == 0 {
            return Err(Failure::new("Could not find remote matching app in 'git remote -v'"));
        }
        Ok(context.ui.line(format_args!("Git remotes for app {} removed.", session.app))?)
    }
}
