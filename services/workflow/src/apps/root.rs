use std::time::Duration;

use deis_api::{AppName, Code};
use deis_bootstrap::deadline;

use crate::deploy::Deployer;
use crate::error::Error;
use crate::ledger::{Ground, Ledger};

/// How long the app's namespace is waited for; only a deploy that is under way takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets an app's images run as root.
///
/// # Errors
/// There is no such app, or it is being destroyed.
pub async fn allow_root(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName) -> Result<(), Error> {
    ledger.set_allow_root(app, true, Box::new(|ground: &Ground| ground.app.check_stays())).await?;
    tell(deployer, app, "an administrator lets its images run as root").await;
    Ok(())
}

/// Takes that back.
///
/// # Errors
/// [`Error::Refused`] while the image that serves needs it, [`Error::DeployInProgress`] while it may be gone back to.
pub async fn forbid_root(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName) -> Result<(), Error> {
    ledger.set_allow_root(app, false, Box::new(without_root)).await?;
    tell(deployer, app, "its images may not run as root any more").await;
    Ok(())
}

/// Whether the app would go on running without root.
fn without_root(ground: &Ground) -> Result<(), Error> {
    ground.app.check_stays()?;
    let pulled = ground.build.as_ref().and_then(|build| build.pulled.as_ref());
    if pulled.is_none_or(|pulled| pulled.user != 0) {
        return Ok(());
    }
    let (app, version) = (&ground.app.id, ground.latest.version);
    let message =
        format!("{app} runs an image as root ({version}): its pods could not start again. Deploy another first.");
    Err(Error::refused(Code::FailedPrecondition, message))
}

async fn tell(deployer: &Deployer, app: &AppName, what: &str) {
    tracing::info!(%app, what, "root");
    deployer.events().record(app, "root", what.to_owned());
    // What is in the ledger comes about in any case: the keeper sees to it.
    match deadline(PATIENCE, deployer.converge(app).ended()).await {
        Ok(Ok(_ending)) => {}
        Ok(Err(error)) => tracing::warn!(%app, %error, "the namespace hears of root later"),
        Err(_late) => tracing::info!(%app, "a deploy under way tells the namespace of root"),
    }
}
