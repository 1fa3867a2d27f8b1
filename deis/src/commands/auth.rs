//! The user's account and its token.

pub mod cancel;
pub mod login;
pub mod logout;
pub mod passwd;
pub mod regenerate;
pub mod register;
pub mod whoami;

use std::io;

use clap::Args;
use deis_api::rest::Secret;
use deis_cli::Failure;

use crate::context::Context;
use crate::controller::Controller;

/// The options that register and login share.
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// The controller's address [env: DEIS_CONTROLLER]
    #[arg(value_name = "controller")]
    controller: Option<String>,
    /// Your name; asked for when it is missing
    #[arg(long, value_name = "username")]
    username: Option<String>,
    /// Your password; asked for when it is missing. Others on this machine can see it while the command runs
    #[arg(long, value_name = "password")]
    password: Option<Secret>,
    /// Read the password from the first line of standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// Whether to check the controller's certificate
    #[arg(long, value_name = "bool", default_value_t = true, action = clap::ArgAction::Set)]
    ssl_verify: bool,
}

impl CredentialArgs {
    fn controller(&self, context: &Context) -> Result<Controller, Failure> {
        let Some(controller) = self.controller.as_ref().or(context.environment.controller.as_ref()) else {
            return Err(Failure::new("the address of the controller is missing")
                .hint("Name it, ex: deis login http://deis.example.com; or set DEIS_CONTROLLER."));
        };
        Ok(controller.parse()?)
    }

    fn username(&self) -> Result<String, Failure> {
        match &self.username {
            Some(username) => Ok(username.clone()),
            None => deis_cli::ask("username: ", "--username"),
        }
    }

    /// The password, if it was given by an option.
    fn given_password(&self) -> Result<Option<Secret>, Failure> {
        if self.password_stdin { password_of_stdin().map(Some) } else { Ok(self.password.clone()) }
    }
}

/// The first line of standard input.
pub fn password_of_stdin() -> Result<Secret, Failure> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

/// Asks for the password on the terminal.
fn ask_password(question: &str) -> Result<Secret, Failure> {
    deis_cli::ask_secret(question, "--password-stdin").map(Secret::from)
}
