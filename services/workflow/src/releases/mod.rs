//! Releases: what makes a new one, and how it is deployed.

mod build;
mod configure;
mod progress;
mod pull;
mod rollback;
mod root;
mod structure;
pub mod summary;

pub use build::{BuildRequest, build};
pub use configure::configure;
pub use progress::{Progress, progress};
pub use pull::{PullRequest, pull};
pub use rollback::rollback;

use std::sync::Arc;

use deis_api::AppName;

use crate::deploy::{Deployer, Failure};
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, Release, ReleaseState, Released};

/// Deploys a release that was just recorded and waits for the end.
///
/// # Errors
/// [`Error::DeployFailed`] when it could not be deployed; [`Error::Unavailable`] when its end could not be waited for, while the deploy
/// itself goes on.
pub async fn deployed(
    ledger: &dyn Ledger,
    deployer: &Deployer,
    app: &AppName,
    released: Released,
) -> Result<Released, Error> {
    deployer.events().released(app, &released);
    if released.release.build.is_none() {
        // Nothing runs with it; what ran before has to go.
        drop(deployer.converge(app));
        return Ok(released);
    }
    let waited = deployer.converge(app).ended().await;
    let release = verdict(ledger, app, &released.release).await?;
    if release.state == ReleaseState::Deploying {
        let cause =
            waited.err().map_or_else(|| "the deploy is not at its end".into(), |error| Box::new(Shared(error)) as _);
        return Err(Error::Unavailable(cause));
    }
    Ok(Released { release, ..released })
}

/// Records a release; while another deploy is under way, that is waited for first.
///
/// # Errors
/// What `record` says; [`Error::Unavailable`] when the end of the other deploy cannot be waited for.
pub async fn in_turn<F>(deployer: &Deployer, app: &AppName, record: impl Fn() -> F) -> Result<Released, Error>
where
    F: Future<Output = Result<Released, Error>>,
{
    loop {
        match record().await {
            Err(Error::DeployInProgress(_)) => {
                let ended = deployer.converge(app).ended().await;
                ended.map_err(|error| Error::Unavailable(error.to_string().into()))?;
            }
            other => return other,
        }
    }
}

/// What became of a release, from the ledger.
///
/// # Errors
/// [`Error::DeployFailed`] when it failed.
pub async fn verdict(ledger: &dyn Ledger, app: &AppName, release: &Release) -> Result<Release, Error> {
    let release = ledger.release_at(app, release.version).await?.ok_or(Error::Missing(Kind::Release))?;
    match &release.failure {
        Some((code, message)) if release.state == ReleaseState::Failed => {
            Err(Error::DeployFailed(Failure { code: *code, message: message.clone(), pod: None }))
        }
        _ => Ok(release),
    }
}

/// An error that several wait for.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<crate::deploy::EffectError>);
