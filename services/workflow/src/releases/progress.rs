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
    Deployed,
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

impl Progress {
    /// What the ledger says in the end; nothing while the deploy is under way.
    fn outcome(release: Release) -> Option<Self> {
        match release.state {
            ReleaseState::Deploying => None,
            ReleaseState::Good => Some(Self::Deployed),
            ReleaseState::Failed => {
                let untold = || (Code::Internal, "The release failed.".to_owned());
                let (code, message) = release.failure.unwrap_or_else(untold);
                Some(Self::Failed { code, message, log_tail: release.log_tail })
            }
        }
    }
}

/// The progress of a release's deploy, up to the outcome that the ledger has. It ends without one when this process cannot wait any
/// longer; whoever asks again, here or elsewhere, joins the deploy again.
///
/// # Errors
/// There is no such release.
pub async fn progress(
    ledger: Arc<dyn Ledger>,
    deployer: &Deployer,
    app: AppName,
    version: ReleaseVersion,
) -> Result<BoxStream<'static, Progress>, Error> {
    let release = ledger.release_at(&app, version).await?.ok_or(Error::Missing(Kind::Release))?;
    if let Some(outcome) = Progress::outcome(release) {
        return Ok(stream::iter([outcome]).boxed());
    }
    // As a repeated push does: the run that is under way, wherever it is, or the one that goes on after a process that died.
    let run = deployer.converge(&app);
    let progress = stream::unfold(Some(run), move |run| {
        let (ledger, app) = (Arc::clone(&ledger), app.clone());
        async move {
            let mut run = run?;
            match run.news().await {
                News::Step(text) => Some((Progress::Step(text), Some(run))),
                News::Ended(_) => {
                    let release = ledger.release_at(&app, version).await.ok().flatten()?;
                    Some((Progress::outcome(release)?, None))
                }
            }
        }
    });
    Ok(progress.boxed())
}
