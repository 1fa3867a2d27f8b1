//! Releases: what makes a new one, and how it is deployed.

mod build;
mod configure;
mod difference;
mod procfile;
mod progress;
mod pull;
mod rollback;
mod root;
mod structure;
pub mod summary;

pub use build::{BuildRequest, build};
pub use configure::configure;
pub use difference::difference;
pub use procfile::MissingProcfile;
pub use progress::{Progress, progress};
pub use pull::{PullRequest, pull};
pub use rollback::rollback;

use std::sync::Arc;

use deis_api::AppName;
use futures_util::StreamExt as _;

use crate::deploy::{Deployer, Failure};
use crate::error::Error;
use crate::ledger::{Ledger, Released};

/// Deploys a release that was just recorded and waits for the end.
///
/// # Errors
/// [`Error::DeployFailed`] when it could not be deployed; [`Error::Unavailable`] when its end could not be waited for, while the deploy
/// itself goes on.
pub async fn deployed(
    ledger: Arc<dyn Ledger>,
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
    let mut progress = progress(ledger, deployer, app.clone(), released.release.version).await?;
    while let Some(told) = progress.next().await {
        match told? {
            Progress::Step(_) => {}
            Progress::Deployed { .. } => return Ok(released),
            Progress::Failed { code, message, .. } => {
                return Err(Error::DeployFailed(Failure { code, message, pod: None }));
            }
        }
    }
    Err(Error::Unavailable("the deploy did not tell its end".into()))
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
