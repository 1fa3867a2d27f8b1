use clap::Args;
use deis_api::rest::{Registration, Secret, User};
use deis_cli::Failure;

use super::{CredentialArgs, login};
use crate::api::{OrGoneOn as _, Wait};
use crate::client_file::ClientFile;
use crate::context::{Context, ProfileArgs};
use crate::controller::Controller;

/// Register a new user with a controller
#[derive(Debug, Args)]
pub struct Register {
    #[command(flatten)]
    credentials: CredentialArgs,
    /// The user's e-mail address; asked for when it is missing
    #[arg(long, value_name = "email")]
    email: Option<String>,
    /// Whether to log in as the new user
    #[arg(long, value_name = "bool", default_value_t = true, action = clap::ArgAction::Set)]
    login: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Register {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let controller = self.credentials.controller(context)?;
        let api = context.api(controller.clone(), self.token(context, &controller), self.credentials.ssl_verify)?;
        api.expect_controller().await?;
        let api = api.unless_heard();
        let registration = self.registration()?;
        let registering = api.post::<_, User>(&["auth", "register", ""], &registration, Wait::Short);
        match registering.or_gone_on("You may be registered all the same; 'deis login' tells.", None).await {
            Ok(user) => context.ui.line(format_args!("Registered {}", user.username))?,
            Err(failure) => {
                context.ui.warn_text("Registration failed: ")?;
                return Err(failure);
            }
        }
        if !self.login {
            return Ok(());
        }
        let Registration { username, password, .. } = registration;
        login::login(context, &self.profile, controller, self.credentials.ssl_verify, username, password).await
    }

    fn registration(&self) -> Result<Registration, Failure> {
        let username = self.credentials.username()?;
        let password = match self.credentials.given_password()? {
            Some(password) => password,
            None => ask_new_password()?,
        };
        let email = match &self.email {
            Some(email) => email.clone(),
            None => deis_cli::ask("email: ", "--email")?,
        };
        Ok(Registration { username, password, email, first_name: String::new(), last_name: String::new() })
    }

    /// Where only admins may register others, an admin's token is needed: the one for this very controller.
    fn token(&self, context: &Context, controller: &Controller) -> Option<Secret> {
        if let Some(token) = &context.environment.token {
            return Some(token.clone());
        }
        let file = ClientFile::load(&context.client_file(&self.profile).ok()?).ok()?;
        let filed = file.controller.parse::<Controller>().ok()?;
        filed.is_same_host(controller).then_some(file.token)
    }
}

fn ask_new_password() -> Result<Secret, Failure> {
    let (password, again) = (super::ask_password("password: ")?, super::ask_password("password (confirm): ")?);
    if password.expose() == again.expose() {
        Ok(password)
    } else {
        Err(Failure::new("Password mismatch, aborting registration."))
    }
}
