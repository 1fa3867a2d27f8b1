use deis_api::{Code, Username};

use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::ledger::accounts::Removal;

/// Ends a user's account with his keys, his tokens and what others let him use. History keeps his name.
///
/// # Errors
/// [`Error::Missing`] for a user who is not there, [`Error::Refused`] for one who owns apps or certificates.
pub async fn cancel(ledger: &dyn Ledger, username: &Username) -> Result<(), Error> {
    match ledger.remove_user(username).await? {
        Removal::Gone => {
            tracing::info!(%username, "an account was cancelled");
            Ok(())
        }
        Removal::Missing => Err(Error::Missing(Kind::User)),
        Removal::OwnsApps => {
            let message = format!("{username} still has applications assigned. Delete or transfer ownership");
            Err(Error::refused(Code::StillOwnsApps, message))
        }
        Removal::OwnsCertificates => {
            let message = format!("{username} still has certificates. Remove them with 'deis certs:remove' first");
            Err(Error::refused(Code::StillOwnsCertificates, message))
        }
    }
}
