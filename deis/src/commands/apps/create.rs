use std::collections::BTreeMap;

use clap::Args;
use deis_api::AppName;
use deis_api::rest::{App, ConfigPatch, NewApp, Secret};
use deis_cli::Failure;
use serde::de::IgnoredAny;

use crate::api::{OrGoneOn, Wait};
use crate::commands::git;
use crate::context::{Context, ProfileArgs, Session};

/// Create an app, and a git remote to push it with
#[derive(Debug, Args)]
pub struct Create {
    /// The app's name; without one the controller finds two words
    #[arg(value_name = "id")]
    id: Option<String>,
    /// Do not add a git remote
    #[arg(long)]
    no_remote: bool,
    /// A buildpack to build the app with, by its address
    #[arg(short, long, value_name = "url")]
    buildpack: Option<String>,
    /// The name of the git remote
    #[arg(short, long, value_name = "name", default_value = git::DEFAULT_REMOTE)]
    remote: String,
    #[command(flatten)]
    profile: ProfileArgs,
}

impl Create {
    pub async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let session = context.session(&self.profile)?;
        let progress = context.ui.progress("Creating Application... ")?;
        let app = self.create(&session).await?;
        progress.done(format_args!("done, created {app}"))?;

        if self.no_remote {
            return Ok(context.ui.line(format_args!(
                "If you want to add a git remote for this app later, use `deis git:remote -a {app}`"
            ))?);
        }
        let url = session.api.controller().git_url(&app);
        git::add(&self.remote, &url, &app)?;
        context.ui.line(format_args!("Git remote {} added", self.remote))?;
        Ok(context.ui.line(format_args!("remote available at {url}"))?)
    }

    async fn create(&self, session: &Session) -> Result<AppName, Failure> {
        let request = NewApp { id: self.id.clone(), ..NewApp::default() };
        let app: App = session
            .api
            .post(&["apps", ""], &request, Wait::Deploy)
            .or_gone_on("The app may have been created; 'deis apps' shows it.", None)
            .await?;
        if let Some(buildpack) = &self.buildpack {
            let value = Some(Secret::from(buildpack.clone()));
            let patch =
                ConfigPatch { values: BTreeMap::from([("BUILDPACK_URL".to_owned(), value)]), ..ConfigPatch::default() };
            let path = ["apps", &app.id, "config", ""];
            session.api.post::<_, IgnoredAny>(&path, &patch, Wait::Deploy).await?;
        }
        Ok(app.id.parse()?)
    }
}
