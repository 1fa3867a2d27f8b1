use deis_api::{Code, Username};
use secrecy::{ExposeSecret as _, SecretString};

use super::Passwords;
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, User};

/// What is to become of a password.
#[derive(Debug)]
pub struct PasswordChange {
    /// Whose it is.
    pub username: Username,
    /// The one that holds; an administrator need not know it.
    pub current: Option<SecretString>,
    /// The one that is to hold.
    pub new: Option<SecretString>,
}

/// Gives a user another password. His tokens stay: whoever thinks that somebody has them ends them too.
///
/// # Errors
/// [`Error::Refused`] for a password that is missing or does not fit, [`Error::Missing`] for a user who is not there,
/// [`Error::Later`] after too many that did not fit.
pub async fn passwd(
    ledger: &dyn Ledger,
    passwords: &Passwords,
    caller: &User,
    change: PasswordChange,
) -> Result<(), Error> {
    let PasswordChange { username, current, new } = change;
    let (_, hash) = ledger.user(&username).await?.ok_or(Error::Missing(Kind::User))?;
    let new = new.filter(is_given).ok_or_else(|| missing("new_password"))?;
    // An administrator may, but one who does say what his own is should know when it is not.
    let own = caller.username == username;
    match current.filter(|current| own && is_given(current)) {
        Some(current) => {
            if !passwords.attempt(&username)?.verify(current, Some(hash)).await? {
                return Err(Error::refused(Code::InvalidCredentials, "Current password does not match"));
            }
        }
        None if caller.is_superuser => {}
        None => return Err(missing("password")),
    }
    if !ledger.set_password(&username, passwords.hash(new).await?).await? {
        return Err(Error::Missing(Kind::User));
    }
    tracing::info!(%username, by = %caller.username, "a password was changed");
    Ok(())
}

fn is_given(password: &SecretString) -> bool {
    !password.expose_secret().is_empty()
}

fn missing(field: &str) -> Error {
    Error::refused(Code::InvalidArgument, format!("{field} is a required field"))
}
