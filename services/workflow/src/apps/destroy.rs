use deis_api::{AppName, Code, Username};

use crate::deploy::{Deployer, EffectError, Ending};
use crate::error::{Error, Kind};
use crate::ledger::Ledger;

/// Records that an app is to be destroyed with everything that it has. From then on it comes about although this process dies.
///
/// # Errors
/// There is no such app.
pub async fn destroy(ledger: &dyn Ledger, user: &Username, app: &AppName) -> Result<(), Error> {
    if !ledger.condemn(app).await? {
        return Err(Error::Missing(Kind::App));
    }
    tracing::info!(%app, "{user} destroys {app}");
    Ok(())
}

/// Waits until nothing of the app is left and its name is free again; whoever asks again waits for the same end.
///
/// # Errors
/// [`Error::Refused`] when something keeps it: then it goes on.
pub async fn destroyed(deployer: &Deployer, app: &AppName) -> Result<(), Error> {
    match deployer.converge(app).ended().await {
        Ok(Ending::Destroyed | Ending::Settled) => Ok(()),
        Ok(Ending::Stuck(failure)) => Err(Error::refused(failure.code, failure.message)),
        // Somebody else was faster.
        Err(error) if matches!(*error, EffectError::Gone(_)) => Ok(()),
        Err(error) => {
            Err(Error::refused(Code::Unavailable, format!("{error} The app is destroyed as soon as that is over.")))
        }
    }
}
