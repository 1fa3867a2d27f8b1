use std::sync::Arc;

use deis_api::{AppName, Code, ReleaseVersion};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::deploy::{Deployer, News};
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, Release, ReleaseState};

/// How the deploy of a release goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// What is waited for now.
    Step(String),
    /// It is deployed, or has nothing to deploy.
    Deployed {
        /// The later release that is to serve by now, if there is one.
        superseded_by: Option<ReleaseVersion>,
    },
    /// It could not be deployed.
    Failed {
        /// Why, for programs.
        code: Code,
        /// Why, for people.
        message: String,
        /// The last lines of the process that failed.
        log_tail: Vec<String>,
    },
}

/// What the ledger says of a release's deploy.
struct Standing {
    release: Release,
    /// A later release that is to serve in its stead.
    superseded_by: Option<ReleaseVersion>,
}

impl Standing {
    async fn of(ledger: &dyn Ledger, app: &AppName, version: ReleaseVersion) -> Result<Self, Error> {
        let release = ledger.release_at(app, version).await?.ok_or(Error::Missing(Kind::Release))?;
        let desired = ledger.app(app).await?.ok_or(Error::Missing(Kind::App))?.desired_release;
        Ok(Self { release, superseded_by: (desired > version).then_some(desired) })
    }

    /// Whether the steps that the app takes now are not of this deploy. One that has failed goes on until the release before is full.
    const fn is_over(&self) -> bool {
        match self.release.state {
            ReleaseState::Deploying => false,
            ReleaseState::Good => true,
            ReleaseState::Failed => self.superseded_by.is_some(),
        }
    }

    /// How it ended; nothing while it is under way.
    fn outcome(self) -> Option<Progress> {
        let Self { release, superseded_by } = self;
        match release.state {
            ReleaseState::Deploying => None,
            ReleaseState::Good => Some(Progress::Deployed { superseded_by }),
            ReleaseState::Failed => {
                let untold = || (Code::Internal, "The release failed.".to_owned());
                let (code, message) = release.failure.unwrap_or_else(untold);
                Some(Progress::Failed { code, message, log_tail: release.log_tail })
            }
        }
    }
}

/// The progress of a release's deploy, up to the outcome that the ledger has; of releases that come later nothing is told.
///
/// # Errors
/// There is no such release. In place of an outcome [`Error::Unavailable`] when this process cannot wait any longer, while the deploy
/// goes on: whoever asks again, here or elsewhere, joins it again.
pub async fn progress(
    ledger: Arc<dyn Ledger>,
    deployer: &Deployer,
    app: AppName,
    version: ReleaseVersion,
) -> Result<BoxStream<'static, Result<Progress, Error>>, Error> {
    if let Some(outcome) = Standing::of(ledger.as_ref(), &app, version).await?.outcome() {
        return Ok(stream::iter([Ok(outcome)]).boxed());
    }
    // The run that is under way, wherever it is, or the one that goes on after a process that died.
    let run = deployer.converge(&app);
    let progress = stream::unfold(Some((run, String::new())), move |run| {
        let (ledger, app) = (Arc::clone(&ledger), app.clone());
        async move {
            let (mut run, told) = run?;
            loop {
                let news = run.news().await;
                let standing = Standing::of(ledger.as_ref(), &app, version).await;
                return match (news, standing) {
                    // The next release may be under way before the run is done that was asked for here.
                    (News::Step(_), Ok(standing)) if standing.is_over() => Some((Ok(standing.outcome()?), None)),
                    (News::Step(text), _) if text == told => continue,
                    (News::Step(text), _) => Some((Ok(Progress::Step(text.clone())), Some((run, text)))),
                    (News::Ended(ended), standing) => {
                        let unfinished = || match ended {
                            Ok(_) => Error::Unavailable("the deploy is not at its end".into()),
                            Err(error) => Error::Unavailable(error.to_string().into()),
                        };
                        Some((standing.and_then(|standing| standing.outcome().ok_or_else(unfinished)), None))
                    }
                };
            }
        }
    });
    Ok(progress.boxed())
}
