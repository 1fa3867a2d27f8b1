use clap::Args;
use deis_api::rest::{self, Secret, Token};
use deis_cli::Failure;

use super::CredentialArgs;
use crate::api::Wait;
use crate::client_file::ClientFile;
use crate::context::{Context, ProfileArgs};
use crate::controller::Controller;

/// Log in to a controller and remember the token
#[derive(Debug, Args)]
pub struct Login {
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Login {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let controller = self.credentials.controller(context)?;
        context.api(controller.clone(), None, self.credentials.ssl_verify)?.expect_controller().await?;
        let username = self.credentials.username()?;
        let password = match self.credentials.given_password()? {
            Some(password) => password,
            None => super::ask_password("password: ")?,
        };
        login(context, &self.profile, controller, self.credentials.ssl_verify, username, password).await
    }
}

/// Gets a token and writes the client file.
pub async fn login(
    context: &mut Context,
    profile: &ProfileArgs,
    controller: Controller,
    ssl_verify: bool,
    username: String,
    password: Secret,
) -> Result<(), Failure> {
    let path = context.client_file(profile)?;
    let api = context.api(controller, None, ssl_verify)?;
    let request = rest::Login { username: username.clone(), password };
    let Token { token } = api.post(&["auth", "login", ""], &request, Wait::Short).await?;

    // The limit of lists is a setting of the user's, not of the login.
    let response_limit = ClientFile::load(&path).map(|file| file.response_limit).unwrap_or_default();
    let controller = api.controller().to_string();
    ClientFile { username: username.clone(), ssl_verify, controller, token, response_limit }.store(&path)?;
    context.ui.line(format_args!("Logged in as {username}"))?;
    Ok(context.ui.line(format_args!("Configuration file written to {}", path.display()))?)
}
