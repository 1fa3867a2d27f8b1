//! Users: registration, login, tokens and SSH keys.

mod admin;
mod attempts;
mod builder_key;
mod cancel;
mod keys;
mod passwd;
mod password;
mod pushers;
mod regenerate;
mod registration;
mod token;

pub use admin::ensure_admin;
pub use builder_key::BuilderKey;
pub use cancel::cancel;
pub use keys::parse_key;
pub use passwd::{PasswordChange, passwd};
pub use password::{Attempt, Passwords};
pub use pushers::{keys_of, keys_of_collaborators, pusher};
pub use regenerate::{regenerate, regenerate_all};
pub use registration::{Profile, RegistrationMode, register};
pub use token::{FreshToken, authenticate};

use deis_api::{Code, Username};
use secrecy::SecretString;

use crate::acting::Acting;
use crate::error::Error;
use crate::ledger::Ledger;

/// What is said to a name and a password that are not a user's.
#[must_use]
pub fn no_login() -> Error {
    Error::Field {
        field: "non_field_errors",
        message: "Unable to log in with provided credentials.".to_owned(),
        code: Code::InvalidCredentials,
    }
}

/// Logs a user in: a new token, valid beside those of his other logins.
///
/// # Errors
/// [`Error::Field`] for a name or password that does not fit; it takes as long for a name that is not there. [`Error::Later`] after too many.
pub async fn login(
    ledger: &dyn Ledger,
    passwords: &Passwords,
    username: &Username,
    password: SecretString,
) -> Result<SecretString, Error> {
    let attempt = passwords.attempt(username)?;
    let (user, hash) = ledger.user(username).await?.unzip();
    let fits = attempt.verify(password, hash).await?;
    let user = user.filter(|user| fits && user.is_active).ok_or_else(no_login)?;
    Acting::identify(&user.username);
    let token = FreshToken::generate();
    ledger.add_token(&user.username, token.hash).await?;
    Ok(token.text)
}
