use clap::Args;
use deis_api::rest::{NewPassword, PasswordSet, Secret};
use deis_cli::Failure;

use crate::api::{OrGoneOn as _, Wait};
use crate::context::{Context, ProfileArgs};

/// Change your password, or as an administrator another user's
#[derive(Debug, Args)]
pub struct Passwd {
    /// Whose; for administrators, who need not know the current password
    #[arg(long, value_name = "username")]
    username: Option<String>,
    /// The current password; asked for when it is missing. Others on this machine can see it while the command runs
    #[arg(long, value_name = "password")]
    password: Option<Secret>,
    /// The new password; asked for when it is missing. Others on this machine can see it while the command runs
    #[arg(long, value_name = "password")]
    new_password: Option<Secret>,
    /// Read what is not given from standard input, a line each: the current password, unless --username is there, and the new one
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Passwd {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        // Who names a user is an administrator, and is asked for no current password; the server checks one that is given.
        let password = match (self.password, &self.username) {
            (None, None) if self.password_stdin => Some(super::password_of_stdin()?),
            (None, None) => Some(super::ask_password("current password: ")?),
            (given, _) => given,
        };
        let new_password = match self.new_password {
            Some(given) => given,
            None if self.password_stdin => super::password_of_stdin()?,
            None => ask_new_password()?,
        };

        // With the current password in it, a second time would be refused for the first one's success.
        let api = if password.is_some() { session.api.unless_heard() } else { session.api };
        let change = NewPassword { username: self.username, password, new_password: Some(new_password) };
        let changing = api.post::<_, PasswordSet>(&["auth", "passwd", ""], &change, Wait::Short);
        match changing.or_gone_on("The password may be changed all the same; 'deis login' tells.", None).await {
            Ok(_set) => Ok(context.ui.line("Password change succeeded.")?),
            Err(failure) => {
                context.ui.warn_text("Password change failed: ")?;
                Err(failure)
            }
        }
    }
}

fn ask_new_password() -> Result<Secret, Failure> {
    let password = super::ask_password("new password: ")?;
    if password.expose() == super::ask_password("new password (confirm): ")?.expose() {
        Ok(password)
    } else {
        Err(Failure::new("Password mismatch, not changing."))
    }
}
