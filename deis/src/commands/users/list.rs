use clap::Args;
use deis_api::rest::User;
use deis_cli::{Failure, OutputArgs};

use crate::context::{Context, PageArgs, ProfileArgs};
use crate::format;

/// List all users, for administrators
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl List {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let users = session.list::<User>(&["users", ""], &self.page).await?;
        self.output.show(&mut context.ui, &users.results, |ui, results| {
            format::head(ui, "Users (*=admin)", &users)?;
            let mark = |user: &User| if user.is_superuser { "*" } else { "" };
            results.iter().try_for_each(|user| ui.line(format_args!("{}{}", mark(user), user.username)))
        })
    }
}
