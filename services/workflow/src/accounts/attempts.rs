//! How often somebody may try before he has to wait: the limits of logins and registrations.
//!
//! What is counted are attempts that fail. One under way counts as failed until it turns out well, so that a hundred at once are no more
//! guesses than a hundred in a row. Nobody's account is locked: whoever guesses at alice's password has to wait, from where he guesses, and
//! alice logs in from everywhere else. Each process counts for itself, in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use deis_api::Username;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::error::Error;
use crate::limit::Limit;

/// Guesses at one user's password from one address: ten, and 1,440 a day.
const AS_ONE_USER: Allowance = Allowance { at_once: 10, pace: Duration::from_secs(60) };
/// Guesses at anybody's from one address, behind which an office may be. It is also how many logins of one address can be under way, less
/// than half of [`PLACES`](super::password::PLACES).
const FROM_ONE_ADDRESS: Allowance = Allowance { at_once: 30, pace: Duration::from_secs(10) };
/// Accounts that are made from one address by those who are no administrators: a class that tries the platform out.
const REGISTRATIONS: Allowance = Allowance { at_once: 100, pace: Duration::from_secs(30) };

/// Of each kind so many are remembered, the first to be forgiven is forgotten first: 10,000 of 200 bytes.
const REMEMBERED: usize = 10_000;

/// Where somebody calls from ([`Acting::origin`](crate::acting::Acting::origin)).
pub(super) type Origin = Option<IpAddr>;

/// So many at once, and one more each time that the pace has passed.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    at_once: u32,
    pace: Duration,
}

/// What is counted.
#[derive(Debug)]
pub(super) struct Attempts {
    as_user: Tries<(Username, Origin)>,
    from: Tries<Origin>,
    registrations: Tries<Origin>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            as_user: Tries::new(AS_ONE_USER),
            from: Tries::new(FROM_ONE_ADDRESS),
            registrations: Tries::new(REGISTRATIONS),
        }
    }
}

impl Attempts {
    /// Counts an attempt with a user's password as failed.
    ///
    /// # Errors
    /// [`Error::Later`] when there were too many.
    pub(super) fn password(&self, username: &Username, origin: Origin) -> Result<(), Error> {
        let now = Instant::now();
        let too_many = |what: &str, wait| too_many(Limit::PasswordAttempts, what, wait);
        self.from.take(origin, now).map_err(|wait| too_many("attempts with a password", wait))?;
        self.as_user.take((username.clone(), origin), now).map_err(|wait| {
            self.from.give_back(&origin, now);
            too_many(&format!("attempts with a password for {username}"), wait)
        })
    }

    /// It turned out well, or was none.
    pub(super) fn forgive(&self, username: &Username, origin: Origin) {
        let now = Instant::now();
        self.from.give_back(&origin, now);
        self.as_user.give_back(&(username.clone(), origin), now);
    }

    /// Counts a registration.
    ///
    /// # Errors
    /// [`Error::Later`] when there were too many.
    pub(super) fn registration(&self, origin: Origin) -> Result<(), Error> {
        let too_many = |wait| too_many(Limit::Registrations, "registrations", wait);
        self.registrations.take(origin, Instant::now()).map_err(too_many)
    }
}

fn too_many(limit: Limit, what: &str, wait: Duration) -> Error {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Error::Later {
        limit,
        message: format!("There were too many {what} from your address: try again in {seconds} s."),
        after: Duration::from_secs(seconds),
    }
}

/// Tries by whoever makes them. The generic cell rate algorithm (ITU-T I.371) with one addition that libraries for it do not have: a try can be
/// given back.
#[derive(Debug)]
struct Tries<K> {
    allowance: Allowance,
    /// When all that somebody has tried is forgiven.
    forgiven: Mutex<HashMap<K, Instant>>,
}

impl<K: Clone + Eq + Hash> Tries<K> {
    fn new(allowance: Allowance) -> Self {
        Self { allowance, forgiven: Mutex::default() }
    }

    /// Takes one, or answers how long it takes until there is one.
    fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let Allowance { at_once, pace } = self.allowance;
        let mut forgiven = self.forgiven.lock();
        let spent = forgiven.get(&key).copied().filter(|until| *until > now).unwrap_or(now) + pace;
        let most = now + pace * at_once;
        if spent > most {
            return Err(spent - most);
        }
        if forgiven.len() >= REMEMBERED && !forgiven.contains_key(&key) {
            make_room(&mut forgiven, now);
        }
        forgiven.insert(key, spent);
        Ok(())
    }

    fn give_back(&self, key: &K, now: Instant) {
        let mut forgiven = self.forgiven.lock();
        let Some(until) = forgiven.get_mut(key) else { return };
        match until.checked_sub(self.allowance.pace).filter(|until| *until > now) {
            Some(before) => *until = before,
            None => drop(forgiven.remove(key)),
        }
    }
}

fn make_room<K: Clone + Eq + Hash>(forgiven: &mut HashMap<K, Instant>, now: Instant) {
    forgiven.retain(|_key, until| *until > now);
    if forgiven.len() >= REMEMBERED
        && let Some(next) = forgiven.iter().min_by_key(|(_key, until)| **until).map(|(key, _until)| key.clone())
    {
        forgiven.remove(&next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tries() -> Tries<u32> {
        Tries::new(Allowance { at_once: 3, pace: 10 * SECOND })
    }

    #[test]
    fn so_many_at_once_and_one_more_each_time() {
        let (tries, now) = (tries(), Instant::now());
        assert_eq!([1, 2, 3, 4].map(|_| tries.take(1, now)), [Ok(()), Ok(()), Ok(()), Err(10 * SECOND)]);
        assert_eq!(tries.take(1, now + 4 * SECOND), Err(6 * SECOND));
        assert_eq!(tries.take(2, now), Ok(()), "another one does not pay");
        assert_eq!(tries.take(1, now + 10 * SECOND), Ok(()), "what was refused is not counted");
        assert_eq!(tries.take(1, now + 10 * SECOND), Err(10 * SECOND));
        let later = now + 1000 * SECOND;
        assert_eq!([1, 2, 3, 4].map(|_| tries.take(1, later).is_ok()), [true, true, true, false]);
    }

    #[test]
    fn what_turns_out_well_is_not_counted() {
        let (tries, now) = (tries(), Instant::now());
        for _ in 0..100 {
            tries.take(1, now).unwrap();
            tries.give_back(&1, now);
        }
        assert!(tries.forgiven.lock().is_empty());
        assert_eq!([1, 2, 3, 4].map(|_| tries.take(1, now).is_ok()), [true, true, true, false]);
        tries.give_back(&1, now);
        assert_eq!([1, 2].map(|_| tries.take(1, now).is_ok()), [true, false]);
        tries.give_back(&7, now);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let (tries, now) = (tries(), Instant::now());
        for _ in 0..3 {
            tries.take(u32::MAX, now).unwrap();
        }
        for key in 0..10_100 {
            tries.take(key, now).unwrap();
        }
        assert_eq!(tries.forgiven.lock().len(), REMEMBERED);
        assert!(tries.take(u32::MAX, now).is_err(), "who has tried most is remembered longest");
        tries.take(1_000_000, now + 10 * SECOND).unwrap();
        assert_eq!(tries.forgiven.lock().len(), 2, "who is forgiven is forgotten, when there is no room");
    }

    #[test]
    fn guesses_at_one_user_wait_and_nobody_else_does() {
        let attempts = Attempts::default();
        let (alice, bob) = ("alice".parse::<Username>().unwrap(), "bob".parse::<Username>().unwrap());
        let (here, there) = ("192.0.2.7".parse().ok(), "192.0.2.8".parse().ok());
        for _ in 0..10 {
            attempts.password(&alice, here).unwrap();
        }
        let Err(Error::Later { limit, message, after }) = attempts.password(&alice, here) else {
            panic!("not refused")
        };
        assert_eq!((limit, after.as_secs()), (Limit::PasswordAttempts, 60));
        assert_eq!(
            message,
            "There were too many attempts with a password for alice from your address: try again in 60 s."
        );
        attempts.password(&alice, there).unwrap();
        // Of the address only what was compared counts: 20 more.
        for number in 0..20 {
            let other = format!("user{number}").parse().unwrap();
            attempts.password(&other, here).unwrap();
        }
        let Err(error) = attempts.password(&bob, here) else { panic!("not refused") };
        let told = "There were too many attempts with a password from your address: try again in 10 s.";
        assert_eq!(error.to_string(), told);
        attempts.password(&bob, there).unwrap();
        attempts.forgive(&alice, here);
        attempts.password(&bob, here).unwrap();
    }
}
