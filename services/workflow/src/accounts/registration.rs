use deis_api::{Code, Username};
use secrecy::{ExposeSecret as _, SecretString};

use super::Passwords;
use crate::access::Actor;
use crate::error::Error;
use crate::ledger::{Ledger, NewUser, User, Window};

/// Who may register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[clap(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Anyone.
    Enabled,
    /// Administrators register others; the first user registers himself.
    #[default]
    AdminOnly,
    /// Nobody.
    Disabled,
}

impl RegistrationMode {
    /// Reads a setting's value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        clap::ValueEnum::from_str(text.trim(), false).ok()
    }

    /// Decides on one registration; `Ok(true)` makes the new user a superuser. While there is none the next one becomes it, whoever
    /// asks.
    fn admit(self, actor: &Actor, superuser_exists: bool) -> Result<bool, Error> {
        let first = !superuser_exists;
        match (self, actor) {
            (Self::Disabled, _) => Err(Error::refused(Code::PermissionDenied, "Registration is disabled")),
            (Self::Enabled, _) => Ok(first),
            (Self::AdminOnly, _) if first => Ok(true),
            (Self::AdminOnly, Actor::User(user)) if user.is_superuser => Ok(false),
            (Self::AdminOnly, Actor::User(_)) => Err(Error::Forbidden),
            // 403 and not 401: on this endpoint clients expect it so.
            (Self::AdminOnly, Actor::Anonymous) => {
                Err(Error::refused(Code::PermissionDenied, Error::NotAuthenticated.to_string()))
            }
        }
    }
}

/// What a user says about himself.
#[derive(Debug)]
pub struct Profile {
    /// The name he wants.
    pub username: Username,
    /// His password.
    pub password: SecretString,
    /// His e-mail address, possibly empty.
    pub email: String,
    /// His first name, possibly empty.
    pub first_name: String,
    /// His last name, possibly empty.
    pub last_name: String,
}

/// Registers a user.
///
/// # Errors
/// [`Error::Field`] for a field that is not what it must be, [`Error::Later`] after too many, and what the mode says.
pub async fn register(
    ledger: &dyn Ledger,
    passwords: &Passwords,
    mode: RegistrationMode,
    actor: &Actor,
    profile: Profile,
) -> Result<User, Error> {
    if profile.password.expose_secret().is_empty() {
        return Err(Error::field("password", "This field may not be blank."));
    }
    if !profile.email.is_empty() && !looks_like_an_address(&profile.email) {
        return Err(Error::field("email", "Enter a valid email address."));
    }
    refuse_early(ledger, mode, actor).await?;
    if !matches!(actor, Actor::User(user) if user.is_superuser) {
        passwords.registration()?;
    }
    let user = NewUser {
        username: profile.username,
        email: profile.email,
        first_name: profile.first_name,
        last_name: profile.last_name,
        password: passwords.hash(profile.password).await?,
    };
    ledger.register(user, Box::new(move |superuser_exists| mode.admit(actor, superuser_exists))).await
}

/// Whom the mode refuses anyway does not cost a hash. Whether there is a superuser is asked again when the user is made.
async fn refuse_early(ledger: &dyn Ledger, mode: RegistrationMode, actor: &Actor) -> Result<(), Error> {
    let superusers = ledger.users(true, Window { limit: 1, offset: 0 }).await?;
    mode.admit(actor, superusers.total > 0).map(|_is_superuser| ())
}

fn looks_like_an_address(text: &str) -> bool {
    let clean = text.len() <= 254 && !text.chars().any(|char| char.is_whitespace() || char.is_control());
    let parts = text.rsplit_once('@');
    clean
        && parts.is_some_and(|(name, host)| {
            !name.is_empty() && host.parse::<deis_api::Hostname>().is_ok_and(|host| !host.is_wildcard())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["bob@example.com", "a.b+c@deis.local", "x@localhost"] {
            assert!(looks_like_an_address(good), "{good}");
        }
        for bad in ["bob", "@example.com", "bob@", "bob@exa mple.com", "bob@*.com", "b\nob@example.com"] {
            assert!(!looks_like_an_address(bad), "{bad}");
        }
    }

    #[test]
    fn modes_are_read_as_the_chart_writes_them() {
        assert_eq!(RegistrationMode::parse("admin_only\n"), Some(RegistrationMode::AdminOnly));
        assert_eq!(RegistrationMode::parse("enabled"), Some(RegistrationMode::Enabled));
        assert_eq!(RegistrationMode::parse("sometimes"), None);
    }

    #[test]
    fn the_first_user_comes_in_unless_nobody_does() {
        let admit =
            |mode: RegistrationMode, exists| mode.admit(&Actor::Anonymous, exists).map_err(|error| error.to_string());
        assert_eq!(admit(RegistrationMode::AdminOnly, false), Ok(true));
        assert_eq!(admit(RegistrationMode::Enabled, false), Ok(true));
        assert_eq!(admit(RegistrationMode::Enabled, true), Ok(false));
        assert_eq!(admit(RegistrationMode::Disabled, false), Err("Registration is disabled".to_owned()));
        let refusal = "Authentication credentials were not provided.";
        assert_eq!(admit(RegistrationMode::AdminOnly, true), Err(refusal.to_owned()));
    }
}
