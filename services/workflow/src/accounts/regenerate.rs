use deis_api::Username;
use secrecy::SecretString;

use super::FreshToken;
use crate::error::{Error, Kind};
use crate::ledger::Ledger;

/// Gives a user a new token in the stead of all that he has: whoever holds one of those is nobody from now on.
///
/// # Errors
/// [`Error::Missing`] for a user who is not there.
pub async fn regenerate(ledger: &dyn Ledger, username: &Username) -> Result<SecretString, Error> {
    let token = FreshToken::generate();
    if !ledger.replace_tokens(username, token.hash).await? {
        return Err(Error::Missing(Kind::User));
    }
    tracing::info!(%username, "the tokens of a user were replaced");
    Ok(token.text)
}

/// Ends the tokens of all users, who get new ones by logging in.
///
/// # Errors
/// The ledger cannot be reached.
pub async fn regenerate_all(ledger: &dyn Ledger) -> Result<(), Error> {
    ledger.end_all_tokens().await?;
    tracing::warn!("the tokens of all users were ended");
    Ok(())
}
