use clap::Args;
use deis_api::rest::{Administrator, Collaborators};
use deis_cli::{Failure, OutputArgs};

use super::ScopeArgs;
use crate::context::{Context, PageArgs};
use crate::format;

/// List who may use an app beside its owner, or the administrators
#[derive(Debug, Args)]
pub struct List {
    /// The most administrators to show
    #[arg(short, long, value_name = "num", requires = "admin")]
    limit: Option<u32>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    scope: ScopeArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        if self.scope.admin {
            let session = context.session(&self.scope.app.profile)?;
            let admins =
                session.list::<Administrator>(&["admin", "perms", ""], &PageArgs { limit: self.limit }).await?;
            return self.output.show(&mut context.ui, &admins.results, |ui, results| {
                format::head(ui, "Administrators", &admins)?;
                results.iter().try_for_each(|admin| ui.line(&admin.username))
            });
        }
        let session = context.app(&self.scope.app)?;
        let Collaborators { users } = session.get(&["perms", ""]).await?;
        self.output.show(&mut context.ui, &users, |ui, users| {
            ui.line(format_args!("=== {}'s Users", session.app))?;
            users.iter().try_for_each(|user| ui.line(user))
        })
    }
}
