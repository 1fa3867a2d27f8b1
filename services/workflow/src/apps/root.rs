use deis_api::{AppName, Code};

use super::tell;
use crate::deploy::Deployer;
use crate::error::Error;
use crate::ledger::{Ground, Ledger};

/// Lets an app's images run as root.
///
/// # Errors
/// There is no such app, or it is being destroyed.
pub async fn allow_root(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName) -> Result<(), Error> {
    ledger.set_allow_root(app, true, Box::new(|ground: &Ground| ground.app.check_stays())).await?;
    tell(deployer, app, "root", "an administrator lets its images run as root").await;
    Ok(())
}

/// Takes that back.
///
/// # Errors
/// [`Error::Refused`] while the image that serves needs it, [`Error::DeployInProgress`] while it may be gone back to.
pub async fn forbid_root(ledger: &dyn Ledger, deployer: &Deployer, app: &AppName) -> Result<(), Error> {
    ledger.set_allow_root(app, false, Box::new(without_root)).await?;
    tell(deployer, app, "root", "its images may not run as root any more").await;
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
