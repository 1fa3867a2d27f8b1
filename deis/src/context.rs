//! What a command works with: the terminal, the environment, and a session with the controller.

use std::path::PathBuf;

use clap::Args;
use deis_api::rest::{Page, Secret, User};
use deis_cli::{Failure, Ui};

use crate::api::{Api, VersionCheck};
use crate::client_file::{self, ClientFile};
use crate::controller::Controller;
use crate::environment::Environment;

/// Options of every command that speaks to the controller or keeps a login.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// The profile, or the path of its file [env: DEIS_PROFILE] [default: client]
    #[arg(short, long, value_name = "config")]
    pub config: Option<String>,
}

/// Options of every list that has pages.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// The most entries to show
    #[arg(short, long, value_name = "num")]
    pub limit: Option<u32>,
}

pub struct Context {
    pub ui: Ui,
    pub environment: Environment,
    pub versions: VersionCheck,
}

/// A login in use.
pub struct Session {
    pub api: Api,
    /// Not known when the token came from `DEIS_TOKEN`.
    username: Option<String>,
    response_limit: u32,
}

impl Context {
    pub fn new(ui: Ui, environment: Environment) -> Self {
        Self { ui, environment, versions: VersionCheck::default() }
    }

    pub fn client_file(&self, profile: &ProfileArgs) -> Result<PathBuf, client_file::Error> {
        client_file::path(profile.config.as_deref(), &self.environment)
    }

    /// Opens a session with what the environment and the client file say.
    ///
    /// The file's token is shown to no other controller than the one it was made for.
    pub fn session(&self, profile: &ProfileArgs) -> Result<Session, Failure> {
        let asked = self.environment.controller.as_deref().map(str::parse::<Controller>).transpose()?;
        let path = self.client_file(profile)?;
        let file = match (ClientFile::load(&path), &asked, &self.environment.token) {
            (Ok(file), ..) => file,
            (Err(_), Some(controller), Some(token)) => ClientFile {
                username: String::new(),
                ssl_verify: true,
                controller: controller.to_string(),
                token: token.clone(),
                response_limit: 0,
            },
            (Err(error), ..) => return Err(error.into()),
        };

        let filed: Controller = file.controller.parse()?;
        let controller = asked.unwrap_or_else(|| filed.clone());
        let at_home = controller.is_same_host(&filed);
        let (token, username) = match &self.environment.token {
            Some(token) => (token.clone(), None),
            None if at_home => (file.token, Some(file.username)),
            None => {
                return Err(Failure::new(format!("You are not logged in to {controller}, but to {filed}."))
                    .hint("Set DEIS_TOKEN too, or choose a profile of that controller with --config."));
            }
        };
        let api = self.api(controller, Some(token), file.ssl_verify || !at_home)?;
        Ok(Session { api, username, response_limit: file.response_limit })
    }

    pub fn api(&self, controller: Controller, token: Option<Secret>, ssl_verify: bool) -> Result<Api, Failure> {
        Api::new(controller, token, ssl_verify, self.versions.clone())
    }

    /// Says once, at the end, that a server's API does not fit ours.
    pub fn warn_of_versions(&mut self) -> Result<(), Failure> {
        match self.versions.mismatch() {
            Some(warning) => Ok(self.ui.warn(warning)?),
            None => Ok(()),
        }
    }
}

impl Session {
    /// How many entries a list asks for: the option, else the client file, else the server's default.
    pub fn limit(&self, page: &PageArgs) -> u32 {
        match page.limit.unwrap_or(self.response_limit) {
            0 => deis_api::rest::DEFAULT_LIMIT,
            limit => limit,
        }
    }

    pub async fn list<T: serde::de::DeserializeOwned>(
        &self,
        segments: &[&str],
        page: &PageArgs,
    ) -> Result<Page<T>, Failure> {
        self.api.list(segments, self.limit(page)).await
    }

    pub async fn whoami(&self) -> Result<User, Failure> {
        self.api.get(&["auth", "whoami", ""]).await
    }

    pub async fn username(&self) -> Result<String, Failure> {
        match &self.username {
            Some(username) => Ok(username.clone()),
            None => Ok(self.whoami().await?.username),
        }
    }
}
