use deis_api::Username;
use secrecy::SecretString;

use super::Passwords;
use crate::error::Error;
use crate::ledger::{Ledger, NewUser};

/// Makes the first administrator, unless there is a superuser or a user of that name already.
///
/// # Errors
/// The ledger cannot be written.
pub async fn ensure_admin(
    ledger: &dyn Ledger,
    passwords: &Passwords,
    username: Username,
    password: SecretString,
) -> Result<(), Error> {
    if ledger.user(&username).await?.is_some() {
        return Ok(());
    }
    let user = NewUser {
        username,
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        password: passwords.hash(password).await?,
    };
    // Another replica may be faster: then a superuser exists and there is nothing left to do.
    let admit = |superuser_exists: bool| if superuser_exists { Err(Error::Forbidden) } else { Ok(true) };
    match ledger.register(user, Box::new(admit)).await {
        Ok(user) => {
            tracing::info!(username = %user.username, "made the first administrator");
            Ok(())
        }
        Err(Error::Forbidden | Error::Field { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
