//! Users: registration, login, tokens and SSH keys.

mod admin;
mod cancel;
mod keys;
mod passwd;
mod password;
mod regenerate;
mod registration;
mod token;

pub use admin::ensure_admin;
pub use cancel::cancel;
pub use keys::parse_key;
pub use passwd::{PasswordChange, passwd};
pub use password::Passwords;
pub use regenerate::{regenerate, regenerate_all};
pub use registration::{Profile, RegistrationMode, register};
pub use token::{FreshToken, authenticate};

use deis_api::{Code, Username};
use secrecy::SecretString;

use crate::acting::Acting;
use crate::error::Error;
use crate::ledger::Ledger;

/// Logs a user in: a new token, valid beside those of his other logins.
///
/// # Errors
/// [`Error::Field`] for a name or password that does not fit; it takes as long for a name that is not there.
pub async fn login(
    ledger: &dyn Ledger,
    passwords: &Passwords,
    username: &Username,
    password: SecretString,
) -> Result<SecretString, Error> {
    let wrong = || Error::Field {
        field: "non_field_errors",
        message: "Unable to log in with provided credentials.".to_owned(),
        code: Code::InvalidCredentials,
    };
    let (user, hash) = ledger.user(username).await?.unzip();
    let fits = passwords.verify(password, hash).await?;
    let user = user.filter(|user| fits && user.is_active).ok_or_else(wrong)?;
    Acting::identify(&user.username);
    let token = FreshToken::generate();
    ledger.add_token(&user.username, token.hash).await?;
    Ok(token.text)
}
