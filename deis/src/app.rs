//! Which app a command is about, and its part of the API.

use std::env;
use std::fmt::Display;
use std::time::Duration;

use clap::Args;
use deis_api::rest::{App, Page};
use deis_api::session::Order;
use deis_api::{AppName, NameError};
use deis_cli::deadline::duration;
use deis_cli::{Failure, closest};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::api::{Hearing, Lines, OrGoneOn, Refused, Speaking, Wait};
use crate::context::{Context, PageArgs, ProfileArgs, Session};
use crate::controller::Controller;
use crate::git;

/// Options of every command about one app.
#[derive(Debug, Args)]
pub struct AppArgs {
    /// The app [env: DEIS_APP] [default: by the git remote, or the directory's name]
    #[arg(short, long, value_name = "app")]
    app: Option<AppName>,
    #[command(flatten)]
    pub profile: ProfileArgs,
}

/// Options of every command that changes an app and waits until the change is there.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Wait no longer than this, in seconds or with a unit: 90s, 5m; the change goes on, and the exit code is 124
    #[arg(long, value_name = "duration", value_parser = duration)]
    timeout: Option<Duration>,
    /// Wait only until the change is recorded: it comes about by itself
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    #[command(flatten)]
    app: AppArgs,
}

/// A session about one app.
pub struct AppSession {
    session: Session,
    /// What to wait for when something is changed,
    wait: Wait,
    /// and how long.
    timeout: Option<Duration>,
    pub app: AppName,
}

/// No app was named, and none was found.
#[derive(Debug, thiserror::Error)]
pub enum NoApp {
    #[error("DEIS_APP is not the name of an app")]
    InEnvironment(#[source] NameError),
    #[error("no git remote names an app, and the directory's name '{0}' is none")]
    InDirectory(String, #[source] NameError),
}

impl Context {
    /// Opens a session about the app that was named or is found here.
    pub fn app(&self, arguments: &AppArgs) -> Result<AppSession, Failure> {
        let session = self.session(&arguments.profile)?;
        let app = match (&arguments.app, &self.environment.app) {
            (Some(app), _) => app.clone(),
            (None, Some(app)) => app.parse().map_err(NoApp::InEnvironment)?,
            (None, None) => match of_remotes(session.api.controller())? {
                Some(app) => app,
                None => of_directory()?,
            },
        };
        Ok(AppSession { session, wait: Wait::Deploy, timeout: None, app })
    }

    /// The same for a change, whose end is waited for.
    pub fn app_to_change(&self, arguments: &ChangeArgs) -> Result<AppSession, Failure> {
        let wait = if arguments.no_wait { Wait::Recorded } else { Wait::Deploy };
        Ok(AppSession { wait, timeout: arguments.timeout, ..self.app(&arguments.app)? })
    }
}

/// The app of the first remote whose URL names the builder. Outside of a repository there is none.
pub fn of_remotes(controller: &Controller) -> Result<Option<AppName>, git::Error> {
    let remotes = match git::remotes() {
        Err(git::Error::Failed { .. } | git::Error::NotStarted(_)) => return Ok(None),
        remotes => remotes?,
    };
    let builder = controller.builder_host();
    let url = remotes.into_iter().map(|remote| remote.url).find(|url| url.contains(&builder));
    Ok(url.and_then(|url| url.rsplit('/').next().and_then(|last| last.trim_end_matches(".git").parse().ok())))
}

fn of_directory() -> Result<AppName, Failure> {
    let directory = env::current_dir()?;
    let name = directory.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let app = name.parse().map_err(|error| NoApp::InDirectory(name, error));
    app.map_err(|error| Failure::from(error).hint("Name the app with --app."))
}

impl AppSession {
    pub const fn controller(&self) -> &Controller {
        self.session.api.controller()
    }

    pub async fn get<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Failure> {
        self.explain(self.session.api.get(&self.path(segments)).await).await
    }

    pub async fn list<T: DeserializeOwned>(&self, segments: &[&str], page: &PageArgs) -> Result<Page<T>, Failure> {
        self.explain(self.session.list(&self.path(segments), page).await).await
    }

    pub async fn text(&self, segments: &[&str]) -> Result<String, Failure> {
        self.explain(self.session.api.text(&self.path(segments)).await).await
    }

    /// A change that is done at once.
    pub async fn post<B: Serialize>(&self, segments: &[&str], body: &B) -> Result<(), Failure> {
        // Some endpoints answer with the new object, others with nothing.
        let answer = self.session.api.post::<_, IgnoredAny>(&self.path(segments), body, Wait::Short).await;
        self.explain(answer.map(drop)).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<T, Failure> {
        self.explain(self.session.api.delete(&self.path(segments), Wait::Short).await).await
    }

    /// Deletes what the body names.
    pub async fn delete_some<B: Serialize>(&self, segments: &[&str], body: &B) -> Result<(), Failure> {
        self.explain(self.session.api.delete_some(&self.path(segments), body).await).await
    }

    /// An answer to be read line by line.
    pub async fn lines(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
        accept: &'static str,
    ) -> Result<Option<Lines>, Failure> {
        self.explain(self.session.api.lines(&self.path(segments), query, accept).await).await
    }

    /// A change whose answer comes when it is deployed.
    pub async fn deploy<B: Serialize, T: DeserializeOwned>(&self, segments: &[&str], body: &B) -> Result<T, Failure> {
        let goes_on = format!("The deploy of {} goes on without you; {}.", self.app, self.watch());
        self.change(segments, body, &goes_on).await
    }

    /// Where the end of a deploy is to be seen.
    pub fn watch(&self) -> String {
        format!("'deis releases:watch -a {}' shows how it ends", self.app)
    }

    /// Where the end of a change is to be seen that makes no release.
    pub fn look(&self) -> String {
        format!("'deis ps -a {}' shows how it ends", self.app)
    }

    /// What stands behind the label of a change that is answered: this word, or when nobody waits where its end is to be seen.
    pub fn done(&self, word: impl Display, end: impl Display) -> String {
        if self.waits() { word.to_string() } else { format!("recorded; {end}") }
    }

    /// Whether a change that is answered is there.
    pub fn waits(&self) -> bool {
        self.wait != Wait::Recorded
    }

    /// The same session, whose changes are answered otherwise.
    pub fn waiting(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }

    /// The same session, asking again only for what was certainly not heard.
    pub fn unless_heard(mut self) -> Self {
        self.session.api = self.session.api.unless_heard();
        self
    }

    /// A change that takes its time, and is told of as `goes_on` by who does not wait for it.
    pub async fn change<B, T>(&self, segments: &[&str], body: &B, goes_on: &str) -> Result<T, Failure>
    where
        B: Serialize,
        T: DeserializeOwned,
    {
        let path = self.path(segments);
        let answer = self.session.api.post(&path, body, self.wait).or_gone_on(goes_on, self.timeout);
        self.explain(answer.await).await
    }

    /// Destroys the app; answered when all of it is gone.
    pub async fn destroy(&self, goes_on: &str) -> Result<(), Failure> {
        let path = self.path(&[""]);
        let answer = self.session.api.delete(&path, self.wait);
        self.explain(answer.or_gone_on(goes_on, self.timeout).await).await
    }

    /// Opens a session with a command.
    pub async fn session(&self, segments: &[&str], order: &Order) -> Result<(Hearing, Speaking), Failure> {
        self.explain(self.session.api.session(&self.path(segments), order).await).await
    }

    fn path<'a>(&'a self, segments: &[&'a str]) -> Vec<&'a str> {
        [&["apps", self.app.as_str()], segments].concat()
    }

    /// Adds the name that was perhaps meant when the server knows no such app.
    async fn explain<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        let Err(failure) = answer else { return answer };
        if !failure.cause::<Refused>().is_some_and(Refused::is_unknown_app) {
            return Err(failure);
        }
        // The refusal is what counts; that the list cannot be had is no second failure.
        let apps: Vec<App> =
            self.session.api.list(&["apps", ""], 1000).await.map(|page| page.results).unwrap_or_default();
        Err(match closest(self.app.as_str(), apps.iter().map(|app| app.id.as_str())) {
            Some(name) => failure.hint(format!("Did you mean '{name}'?")),
            None => failure.hint("'deis apps' lists the apps that you may use; --app names one."),
        })
    }
}
