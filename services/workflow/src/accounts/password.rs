use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use deis_api::Username;
use deis_bootstrap::Tasks;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::attempts::{Attempts, Origin};
use crate::acting::Acting;
use crate::error::Error;
use crate::limit::Limit;

/// How many passwords are hashed at a time. Each takes 19 MiB (RFC 9106 as argon2's defaults have it): this bounds the memory that
/// logins can take.
const AT_A_TIME: usize = 2;

/// How many are hashed and wait for it. Who comes then is told so at once: the last one has waited for about a second.
pub(super) const PLACES: usize = 64;

/// How nice (setpriority(2)) a thread is that hashes: where the processors are short it has a tenth of what one that answers requests has.
const NICE: i32 = 10;

/// When there are places again, surely.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// What a password is compared with when there is no such user, so that it takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$3y6ZzXTV5r2mZ3m0O1kzYx4nVb8kBt0V2h0nQy1sGdQ";

/// Hashes and compares passwords (argon2id), off the async threads.
#[derive(Clone, Debug)]
pub struct Passwords {
    tasks: Tasks,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    attempts: Arc<Attempts>,
}

impl Passwords {
    /// One for the whole process.
    #[must_use]
    pub fn new(tasks: Tasks) -> Self {
        Self::with_turns(tasks, Arc::new(Semaphore::new(AT_A_TIME)))
    }

    /// One whose turns somebody else may take.
    #[must_use]
    pub fn with_turns(tasks: Tasks, turns: Arc<Semaphore>) -> Self {
        Self { tasks, places: Arc::new(Semaphore::new(PLACES)), turns, attempts: Arc::default() }
    }

    /// Lets whoever acts try to show that he knows a user's password.
    ///
    /// # Errors
    /// [`Error::Later`] when he has failed too often.
    pub fn attempt(&self, username: &Username) -> Result<Attempt, Error> {
        let origin = Acting::current().origin();
        self.attempts.password(username, origin)?;
        Ok(Attempt { passwords: self.clone(), username: username.clone(), origin })
    }

    /// Lets whoever acts, and is no administrator, register somebody.
    ///
    /// # Errors
    /// [`Error::Later`] when he has done so too often.
    pub fn registration(&self) -> Result<(), Error> {
        self.attempts.registration(Acting::current().origin())
    }

    /// Hashes a password to a PHC string.
    ///
    /// # Errors
    /// [`Error::Later`] when too many wait for it, [`Error::Internal`] when the process is ending.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, Error> {
        let hashed = self.in_turn("hash a password", move || {
            Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await?.map(SecretString::from).map_err(|error| Error::Internal(error.into()))
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.try_acquire().map_err(|_none| Error::Later {
            limit: Limit::PasswordQueue,
            message: "Too many passwords are to be checked at the moment: try again in a few seconds.".to_owned(),
            after: RETRY_AFTER,
        })?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| Error::Internal(error.into()))?;
        let done = self.tasks.blocking(name, move || {
            let result = nicely(work);
            drop(turn);
            result
        });
        done.await.map_err(|error| Error::Internal(error.into()))
    }
}

/// Does something with less of the processor than requests have. A thread of the pool could not have its priority back.
fn nicely<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let niced = || {
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::warn!(%error, "passwords are hashed with the priority of requests");
        }
        work()
    };
    thread::scope(|threads| threads.spawn(niced).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// A try to show that one knows a password. It counts as failed unless the password fits.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    passwords: Passwords,
    username: Username,
    origin: Origin,
}

impl Attempt {
    /// Whether a password fits the hash; without a hash it never does.
    ///
    /// # Errors
    /// [`Error::Later`] when too many wait for it, [`Error::Internal`] when the process is ending.
    pub async fn verify(self, password: SecretString, hash: Option<SecretString>) -> Result<bool, Error> {
        let compare = move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.into());
            let fits = PasswordHash::new(hash.expose_secret()).is_ok_and(|hash| {
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
            });
            fits && known
        };
        let compared = self.passwords.in_turn("verify a password", compare).await;
        // What was not compared was no guess.
        if !matches!(compared, Ok(false)) {
            self.passwords.attempts.forgive(&self.username, self.origin);
        }
        compared
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::FuturesUnordered;
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    #[tokio::test]
    async fn passwords_fit_their_own_hash_alone() {
        let passwords = Passwords::new(deis_bootstrap::Context::new("workflow").tasks);
        let hash = passwords.hash("secret".into()).await.unwrap();
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let attempt = || passwords.attempt(&"bob".parse().unwrap()).unwrap();
        assert!(attempt().verify("secret".into(), Some(hash.clone())).await.unwrap());
        assert!(!attempt().verify("Secret".into(), Some(hash)).await.unwrap());
        assert!(!attempt().verify("secret".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn only_guesses_that_fail_are_counted() {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let passwords = Passwords::with_turns(deis_bootstrap::Context::new("workflow").tasks, Arc::clone(&turns));
        let (bob, hash) = ("bob".parse().unwrap(), passwords.hash("secret".into()).await.unwrap());
        let guess = async |password: &str| passwords.attempt(&bob)?.verify(password.into(), Some(hash.clone())).await;
        for _ in 0..12 {
            assert!(guess("secret").await.unwrap());
        }
        turns.close();
        for _ in 0..12 {
            assert!(matches!(guess("wrong").await, Err(Error::Internal(_))), "it was not compared");
        }
        let passwords = Passwords { turns: Arc::new(Semaphore::new(AT_A_TIME)), ..passwords.clone() };
        let guess = async |password: &str| passwords.attempt(&bob)?.verify(password.into(), Some(hash.clone())).await;
        for _ in 0..10 {
            assert!(!guess("wrong").await.unwrap());
        }
        assert!(matches!(guess("secret").await, Err(Error::Later { limit: Limit::PasswordAttempts, .. })));
    }

    #[tokio::test]
    async fn no_more_than_so_many_wait() {
        let turns = Arc::new(Semaphore::new(0));
        let passwords = Passwords::with_turns(deis_bootstrap::Context::new("workflow").tasks, Arc::clone(&turns));
        let mut waiting = (0..PLACES).map(|_| passwords.hash("secret".into())).collect::<FuturesUnordered<_>>();
        assert!(waiting.next().now_or_never().is_none());
        let refused = passwords.hash("secret".into()).await;
        assert!(matches!(refused, Err(Error::Later { limit: Limit::PasswordQueue, .. })), "{refused:?}");
        turns.add_permits(AT_A_TIME);
        assert!(waiting.next().await.unwrap().is_ok());
        // There is a place again.
        waiting.push(passwords.hash("secret".into()));
        assert_eq!(waiting.filter(|hash| std::future::ready(hash.is_ok())).count().await, PLACES);
    }

    #[test]
    fn nobodys_hash_costs_as_much_as_anybodys() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
