use clap::Args;
use deis_api::rest::{self, Secret, Token};
use deis_cli::Failure;

use crate::api::{OrGoneOn as _, Wait};
use crate::client_file::ClientFile;
use crate::context::{Context, ProfileArgs};
use crate::controller::Controller;

/// Cancel your account, or as an administrator another user's
#[derive(Debug, Args)]
pub struct Cancel {
    /// Whose; for administrators, who may leave out the password
    #[arg(long, value_name = "username")]
    username: Option<String>,
    /// The account's password; asked for when it is missing. Others on this machine can see it while the command runs
    #[arg(long, value_name = "password")]
    password: Option<Secret>,
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Cancel {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let own = session.username().await?;
        let username = self.username.unwrap_or_else(|| own.clone());
        let given = if self.password_stdin { Some(super::password_of_stdin()?) } else { self.password };

        let api = if username == own || given.is_some() {
            context.ui.line("Please log in again in order to cancel this account")?;
            let password = match given {
                Some(password) => password,
                None => super::ask_password("password: ")?,
            };
            // The token is for this one call: it is kept nowhere, and ends with the account.
            let login = rest::Login { username: username.clone(), password };
            let nobody = session.api.with_token(None)?;
            let Token { token } = nobody.post(&["auth", "login", ""], &login, Wait::Short).await?;
            context.ui.line(format_args!("Logged in as {username}"))?;
            nobody.with_token(Some(&token))?
        } else {
            session.api
        };
        let controller = api.controller().clone();
        if !self.yes {
            let question = format!("cancel account {username} at {controller}? (y/N):");
            if !deis_cli::ask(&question, "--yes")?.eq_ignore_ascii_case("y") {
                return Ok(context.ui.warn("Account not changed")?);
            }
        }

        // A second time, nobody is there who might ask for it, or who could be cancelled.
        let request = rest::Cancel { username: Some(username.clone()) };
        let api = api.unless_heard();
        let cancelling = api.delete_some(&["auth", "cancel", ""], &request);
        cancelling.or_gone_on("The account may be cancelled all the same; 'deis login' tells.", None).await?;
        forget(context, &self.profile, &username, &controller)?;
        Ok(context.ui.line("Account cancelled")?)
    }
}

/// Removes the client file if it is the login of an account that is no more.
fn forget(context: &Context, profile: &ProfileArgs, username: &str, controller: &Controller) -> Result<(), Failure> {
    let path = context.client_file(profile)?;
    let Ok(file) = ClientFile::load(&path) else { return Ok(()) };
    let is_there = file.controller.parse::<Controller>().is_ok_and(|filed| filed.is_same_host(controller));
    if is_there && file.username == username { Ok(ClientFile::remove(&path)?) } else { Ok(()) }
}
