use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, Code};
use secrecy::SecretString;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use crate::access::Verb;
use crate::accounts::authenticate;
use crate::apps;
use crate::error::Error;
use crate::ledger::Ledger;

/// How often the ledger is asked whether a session may go on: two look-ups by key. It is the one place that every replica hears of a
/// revocation from, whichever of them was told; nothing announces one to the others.
const PACE: Duration = Duration::from_secs(2);
/// How long a session goes on while the ledger cannot be asked: nothing can be revoked in it meanwhile, either.
const WITHOUT_LEDGER: Duration = Duration::from_secs(30);

/// By what right somebody works with a process, or goes on reading: the token that he showed, and what it lets him do with the app.
pub struct Authority {
    /// Who knows.
    pub ledger: Arc<dyn Ledger>,
    /// What he showed.
    pub token: SecretString,
    /// The app,
    pub app: AppName,
    /// and not another one that has its name by then.
    pub uuid: Uuid,
    /// What he does with it.
    pub verb: Verb,
}

impl Authority {
    /// Waits until it is lost: the collaborator was revoked, the token is not valid any more, the app goes. Answers what is said of that.
    pub async fn lost(&self) -> Error {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held = Instant::now();
        loop {
            pace.tick().await;
            match self.check().await {
                Ok(()) => held = Instant::now(),
                Err(Error::Unavailable(_) | Error::Internal(_)) if held.elapsed() < WITHOUT_LEDGER => {}
                Err(Error::Unavailable(_) | Error::Internal(_)) => {
                    let message = "The session was ended: the ledger cannot be asked whether it may go on.";
                    return Error::refused(Code::Unavailable, message);
                }
                Err(error) => return Error::refused(error.code(), format!("The session was ended. {error}")),
            }
        }
    }

    async fn check(&self) -> Result<(), Error> {
        let actor = authenticate(self.ledger.as_ref(), &self.token).await?;
        let (_user, app) = apps::find(self.ledger.as_ref(), &actor, self.verb, &self.app).await?;
        if app.uuid == self.uuid { Ok(()) } else { Err(Error::Missing(crate::error::Kind::App)) }
    }
}
