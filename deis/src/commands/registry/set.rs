use clap::Args;
use deis_api::rest::Secret;
use deis_cli::Failure;

use super::PASSWORD;
use crate::app::ChangeArgs;
use crate::commands::auth;
use crate::context::Context;

/// Set the credentials that an app's images are pulled with, which makes a release
#[derive(Debug, Args)]
pub struct Set {
    /// username=… and password=…. Others on this machine can see them while the command runs
    #[arg(required_unless_present = "password_stdin", value_name = "key=value")]
    credentials: Vec<String>,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

impl Set {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let mut credentials = self.credentials.iter().map(|item| parse(item)).collect::<Result<Vec<_>, _>>()?;
        if self.password_stdin {
            credentials.push((PASSWORD.to_owned(), Some(auth::password_of_stdin()?)));
        }
        let session = context.app_to_change(&self.change)?;
        super::change(context, &session, credentials.into_iter().collect()).await
    }
}

/// What is wrong is named by its key alone: the rest may be a password.
fn parse(item: &str) -> Result<(String, Option<Secret>), Failure> {
    let Some((key, value)) = item.split_once('=') else {
        return Err(Failure::new(format!(
            "{item} is invalid. Must be in format key=value\nExamples: username=bob password=s3cret"
        )));
    };
    super::expect_key(key)?;
    Ok((key.to_owned(), Some(Secret::from(value.to_owned()))))
}
