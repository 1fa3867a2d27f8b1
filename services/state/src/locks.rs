//! Locks: who may try. One key for each lock, on its holder's lease, written only if it is not there.

use std::time::{Duration, SystemTime};

use backon::Retryable as _;
use deis_bootstrap::deadline;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::names::Path;
use crate::patience::patience;
use crate::store::{Change, Commit, Entry, Keys, LeaseId, Lifetime, Outcome, Revision, Store, Watch as _};

/// What the keys of locks begin with; the lock's name comes behind.
pub(crate) const UNDER: &str = "/deis/locks/";
/// The longest time that a caller may wait for a lock.
const LONGEST_WAIT: Duration = Duration::from_mins(20);

/// Who holds a lock and why, for the person who has to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user on whose behalf it is held; empty for the platform itself.
    pub user: String,
    /// What is being done: "git push of 3f2a9c1".
    pub purpose: String,
    /// The process: the name of its pod.
    pub holder: String,
}

/// What an attempt at a lock came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquisition {
    /// The lock is the caller's.
    Acquired(Revision),
    /// It is another's.
    Held(Held),
}

/// Another's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub owner: Owner,
    /// Since when.
    pub since: SystemTime,
    /// How long it lives if its holder stops renewing now.
    pub remaining: Duration,
    /// The store's revision at which this was so.
    revision: Revision,
}

/// What stands in the store.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(flatten)]
    pub(crate) owner: Owner,
    pub(crate) since: SystemTime,
}

impl Record {
    pub(crate) fn read(entry: &Entry) -> Result<Self, Error> {
        serde_json::from_slice(&entry.value).map_err(|error| Error::Corrupt(entry.key.clone(), error))
    }
}

/// Takes a lock, waiting for it if it is another's. The holder asking again gets the lock it has.
///
/// # Errors
/// [`Error::LeaseGone`] when the lock is free but the lease is not there; [`Error::Invalid`], [`Error::Unavailable`].
pub async fn acquire<S: Store>(
    store: &S,
    name: &Path,
    lease: LeaseId,
    owner: &Owner,
    wait: Duration,
) -> Result<Acquisition, Error> {
    if wait > LONGEST_WAIT {
        return Err(Error::Invalid { field: "wait", rule: "at most 20 min" });
    }
    if !wait.is_zero()
        && let Ok(result) = deadline(wait, acquire_patiently(store, name, lease, owner)).await
    {
        return result;
    }
    // Whoever holds it now is not necessarily who held it when the wait began.
    attempt(store, name, lease, owner).await
}

/// Waits for the lock, and for the store too: whoever has minutes to wait for a lock does not fail because of a restart.
async fn acquire_patiently<S: Store>(
    store: &S,
    name: &Path,
    lease: LeaseId,
    owner: &Owner,
) -> Result<Acquisition, Error> {
    loop {
        let attempt = || attempt(store, name, lease, owner);
        match attempt.retry(patience()).when(|error| matches!(error, Error::Unavailable(_))).await? {
            Acquisition::Held(held) => wait_until_free(store, name, held.revision).await,
            acquired @ Acquisition::Acquired(_) => return Ok(acquired),
        }
    }
}

/// Gives a lock back. Returns whether the lease held it; another's lock is left alone.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn release<S: Store>(store: &S, name: &Path, lease: LeaseId) -> Result<bool, Error> {
    let key = key(name);
    let found = store.read(&Keys::One(key.clone())).await?.entries.into_iter().next();
    let Some(own) = found.filter(|entry| entry.lease == Some(lease)) else { return Ok(false) };
    let delete = Commit::new().expect(&key, own.revision).delete(&key);
    Ok(matches!(store.commit(delete).await?, Outcome::Committed(_)))
}

async fn attempt<S: Store>(store: &S, name: &Path, lease: LeaseId, owner: &Owner) -> Result<Acquisition, Error> {
    let key = key(name);
    let record = Record { owner: owner.clone(), since: SystemTime::now() };
    let value = serde_json::to_vec(&record).map_err(|error| Error::Corrupt(key.clone(), error))?;
    let take = Commit::new().expect(&key, Revision::ABSENT).put_leased(&key, value, lease);
    let found = match store.commit(take).await? {
        Outcome::Committed(revision) => return Ok(Acquisition::Acquired(revision)),
        Outcome::Refused(found) => found,
    };
    let revision = found.revision;
    let Some(entry) = found.entries.into_iter().next() else { return Err(Error::Contended(key)) };
    if entry.lease == Some(lease) {
        return Ok(Acquisition::Acquired(entry.revision));
    }
    held(store, &entry, revision).await.map(Acquisition::Held)
}

async fn held<S: Store>(store: &S, entry: &Entry, revision: Revision) -> Result<Held, Error> {
    let record = Record::read(entry)?;
    let remaining = match entry.lease {
        Some(lease) => match store.lifetime(lease).await {
            Ok(Lifetime { remaining, .. }) => remaining,
            Err(Error::LeaseGone) => Duration::ZERO,
            Err(error) => return Err(error),
        },
        None => Duration::ZERO,
    };
    Ok(Held { owner: record.owner, since: record.since, remaining, revision })
}

/// Returns when the lock was free at some moment after the revision, or might have been.
async fn wait_until_free<S: Store>(store: &S, name: &Path, after: Revision) {
    let mut watch = store.watch(Keys::One(key(name)), after);
    while let Ok(Change::Put(_)) = watch.next().await {}
}

fn key(name: &Path) -> String {
    format!("{UNDER}{name}")
}
