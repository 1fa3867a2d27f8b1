use std::time::Instant;

use clap::Args;
use deis_api::AppName;
use deis_cli::Failure;

use crate::app::ChangeArgs;
use crate::context::Context;
use crate::{commands, git};

/// Destroy an app and all that it has: processes, images, releases, repository, logs
#[derive(Debug, Args)]
pub struct Destroy {
    /// The app's name once more, so that nothing is asked
    #[arg(long, value_name = "app")]
    confirm: Option<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Destroy {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.app_to_change(&self.change)?;
        let app = &session.app;
        let typed = match self.confirm {
            Some(typed) => typed,
            None => ask(context, app)?,
        };
        if typed != app.as_str() {
            return Err(Failure::new(format!("App {app} does not match confirm {typed}, aborting.")));
        }

        context.ui.line(format_args!("Destroying {app}..."))?;
        let start = Instant::now();
        let progress = context.ui.progress("")?;
        progress.explain("ending its processes, then removing all that it has");
        let end = format!("it is over when 'deis apps' lists no {app}");
        session.destroy(&format!("The destruction of {app} goes on without you; {end}.")).await?;
        progress.done(session.done(format_args!("done in {}s", start.elapsed().as_secs()), end))?;

        // Where no repository is, or no git, no remote is left over.
        let remotes = git::remotes().unwrap_or_default();
        if commands::git::remove_all(remotes, &session.controller().git_url(app))? > 0 {
            context.ui.line(format_args!("Git remotes for app {app} removed."))?;
        }
        Ok(())
    }
}

fn ask(context: &mut Context, app: &AppName) -> Result<String, Failure> {
    context.ui.line(" !    WARNING: Potentially Destructive Action")?;
    context.ui.line(format_args!(" !    This command will destroy the application: {app}"))?;
    context.ui.line(format_args!(" !    To proceed, type \"{app}\" or re-run this command with --confirm={app}"))?;
    deis_cli::ask(">", "--confirm")
}
