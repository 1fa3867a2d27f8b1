use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use deis_bootstrap::Tasks;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::error::Error;

/// How many passwords are hashed at a time. Each takes 19 MiB (RFC 9106 as argon2's defaults have it): this bounds the memory that
/// logins can take.
const AT_A_TIME: usize = 2;

/// What a password is compared with when there is no such user, so that it takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$3y6ZzXTV5r2mZ3m0O1kzYx4nVb8kBt0V2h0nQy1sGdQ";

/// Hashes and compares passwords (argon2id), off the async threads.
#[derive(Clone, Debug)]
pub struct Passwords {
    tasks: Tasks,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// One for the whole process.
    #[must_use]
    pub fn new(tasks: Tasks) -> Self {
        Self { tasks, turns: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Hashes a password to a PHC string.
    ///
    /// # Errors
    /// [`Error::Internal`] when the process is ending.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, Error> {
        let hashed = self.in_turn("hash a password", move || {
            Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await?.map(SecretString::from).map_err(|error| Error::Internal(error.into()))
    }

    /// Whether a password fits the hash; without a hash it never does.
    ///
    /// # Errors
    /// [`Error::Internal`] when the process is ending.
    pub async fn verify(&self, password: SecretString, hash: Option<SecretString>) -> Result<bool, Error> {
        self.in_turn("verify a password", move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.into());
            let fits = PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
            });
            fits && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        let done = self.tasks.blocking(name, move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|error| Error::Internal(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_fit_their_own_hash_alone() {
        let passwords = Passwords::new(deis_bootstrap::Context::new("workflow").tasks);
        let hash = passwords.hash("secret".into()).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("secret".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("Secret".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("secret".into(), None).await.unwrap());
    }

    #[test]
    fn nobodys_hash_costs_as_much_as_anybodys() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
