//! Platform settings: an operator's overrides of the chart's values, changed only by who knows what they were.

use crate::error::Error;
use crate::follow::{Followed, Follower};
use crate::names::{Path, Prefix};
use crate::store::{Change, Commit, Entry, Keys, Outcome, Revision, Store};

const ROOT: &str = "/deis/settings/";

/// Bytes in the longest value.
const LONGEST_VALUE: usize = 64 * 1024;

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// "{component}/{key}".
    pub key: String,
    /// Its value.
    pub value: String,
    /// When it was changed last.
    pub revision: Revision,
}

/// What a watch of settings sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All that exist now, ordered by key; what was known before is void.
    Snapshot(Vec<Setting>, Revision),
    /// A setting was written.
    Put(Setting),
    /// A setting was deleted.
    Deleted(String, Revision),
}

/// The setting of that name.
///
/// # Errors
/// [`Error::NoSetting`], [`Error::Unavailable`].
pub async fn get<S: Store>(store: &S, key: &Path) -> Result<Setting, Error> {
    let found = store.read(&Keys::One(stored(key))).await?.entries.into_iter().next();
    found.map(setting).ok_or_else(|| Error::NoSetting(key.clone()))
}

/// The settings whose names begin so, ordered, and the revision at which they were these.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn list<S: Store>(store: &S, prefix: &Prefix) -> Result<(Vec<Setting>, Revision), Error> {
    let found = store.read(&under(prefix)).await?;
    Ok((found.entries.into_iter().map(setting).collect(), found.revision))
}

/// Writes a setting if its revision is the expected one. [`Revision::ABSENT`]: if it is not there; `None`: whatever it was.
///
/// # Errors
/// [`Error::RevisionMismatch`], [`Error::TooLarge`], [`Error::Unavailable`].
pub async fn put<S: Store>(store: &S, key: &Path, value: &str, expected: Option<Revision>) -> Result<Setting, Error> {
    if value.len() > LONGEST_VALUE {
        return Err(Error::TooLarge { field: "value", limit: LONGEST_VALUE });
    }
    let revision = change(store, key, expected, |commit| commit.put(stored(key), value)).await?;
    Ok(Setting { key: key.to_string(), value: value.to_owned(), revision })
}

/// Deletes a setting if its revision is the expected one; `None`: whatever it was. Returns when it went.
///
/// # Errors
/// [`Error::NoSetting`], [`Error::RevisionMismatch`], [`Error::Unavailable`].
pub async fn delete<S: Store>(store: &S, key: &Path, expected: Option<Revision>) -> Result<Revision, Error> {
    let found = get(store, key).await?.revision;
    change(store, key, expected.or(Some(found)), |commit| commit.delete(stored(key))).await
}

async fn change<S: Store>(
    store: &S,
    key: &Path,
    expected: Option<Revision>,
    write: impl FnOnce(Commit) -> Commit,
) -> Result<Revision, Error> {
    let commit = match expected {
        Some(revision) => Commit::new().expect(stored(key), revision),
        None => Commit::new(),
    };
    match store.commit(write(commit)).await? {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Refused(now) => Err(Error::RevisionMismatch {
            key: key.clone(),
            expected: expected.unwrap_or_default(),
            found: now.entries.first().map_or(Revision::ABSENT, |entry| entry.revision),
        }),
    }
}

/// The settings whose names begin so, as they change.
#[derive(Debug)]
pub struct SettingsWatch<S: Store>(Follower<S>);

impl<S: Store> SettingsWatch<S> {
    /// Every change after a revision, or with [`Revision::ABSENT`] a snapshot first.
    pub fn new(store: &S, prefix: &Prefix, after: Revision) -> Self {
        Self(match after {
            Revision::ABSENT => Follower::new(store, under(prefix)),
            revision => Follower::resume(store, under(prefix), revision),
        })
    }

    /// Waits for the next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn next(&mut self) -> Result<Event, Error> {
        Ok(match self.0.next().await? {
            Followed::Snapshot(now) => Event::Snapshot(now.entries.into_iter().map(setting).collect(), now.revision),
            Followed::Change(Change::Put(entry)) => Event::Put(setting(entry)),
            Followed::Change(Change::Deleted { key, revision }) => Event::Deleted(shown(&key), revision),
        })
    }
}

fn stored(key: &Path) -> String {
    format!("{ROOT}{key}")
}

fn under(prefix: &Prefix) -> Keys {
    Keys::Under(format!("{ROOT}{}", prefix.as_str()))
}

fn shown(stored: &str) -> String {
    stored.strip_prefix(ROOT).unwrap_or(stored).to_owned()
}

fn setting(entry: Entry) -> Setting {
    Setting {
        key: shown(&entry.key),
        value: String::from_utf8_lossy(&entry.value).into_owned(),
        revision: entry.revision,
    }
}
