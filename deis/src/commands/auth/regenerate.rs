use clap::Args;
use deis_api::rest::{self, Token};
use deis_cli::Failure;
use serde::de::IgnoredAny;

use crate::api::{OrGoneOn as _, Wait};
use crate::client_file::ClientFile;
use crate::context::{Context, ProfileArgs};

const ENDPOINT: [&str; 3] = ["auth", "tokens", ""];

/// Replace your token, which ends all logins; as an administrator, another user's or everybody's
#[derive(Debug, Args)]
pub struct Regenerate {
    /// Whose; for administrators. The user gets the new one by logging in
    #[arg(short, long, value_name = "username", conflicts_with = "all")]
    username: Option<String>,
    /// Those of all users, yours included; for administrators. All get new ones by logging in
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Regenerate {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let api = session.api.unless_heard();
        let request = rest::Regenerate { username: self.username.clone(), all: self.all };
        if self.all {
            // No token comes back: a second time ends none but those of who logged in meanwhile.
            let ending = api.post::<_, IgnoredAny>(&ENDPOINT, &request, Wait::Short);
            ending.or_gone_on("All tokens may have ended all the same; 'deis whoami' tells.", None).await?;
            context.ui.line("Token Regenerated")?;
            return Ok(context.ui.warn("Your own token ended too: 'deis login <controller>' gets a new one.")?);
        }

        let is_own = match &self.username {
            None => true,
            Some(username) => *username == session.username().await?,
        };
        if is_own && context.environment.token.is_some() {
            return Err(Failure::new("DEIS_TOKEN is set, and a new token could not be put there.")
                .hint("Unset it, log in, and regenerate the token then: that ends the old one too."));
        }
        let replacing = api.post::<_, Token>(&ENDPOINT, &request, Wait::Short);
        let goes_on = "The token may have been replaced all the same; 'deis login <controller>' gets a new one.";
        let Token { token } = replacing.or_gone_on(goes_on, None).await?;
        if is_own {
            let path = context.client_file(&self.profile)?;
            ClientFile { token, ..ClientFile::load(&path)? }.store(&path)?;
        }
        Ok(context.ui.line("Token Regenerated")?)
    }
}
