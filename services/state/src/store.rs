//! What the service needs from a store: keys with revisions, leases that keys hang on, writes that happen together or not at all,
//! and watches that miss nothing.
//!
//! These are etcd's primitives without etcd's types. All that is said here about a [`Store`] is checked for every implementation by
//! one suite, `tests/store.rs`.

pub mod etcd;
pub mod memory;

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// A point in the store's history. Every commit that writes has a higher one than all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub i64);

impl Revision {
    /// Stands for a key that is not there.
    pub const ABSENT: Self = Self(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub i64);

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Since when the key has been there without a break.
    pub created: Revision,
    /// When the value was written last.
    pub revision: Revision,
    /// The lease that the key hangs on.
    pub lease: Option<LeaseId>,
}

/// How long a lease lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// From each renewal.
    pub granted: Duration,
    /// From now, if it is not renewed.
    pub remaining: Duration,
}

/// Which keys are read or watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// This one.
    One(String),
    /// All that begin with this.
    Under(String),
}

impl Keys {
    /// Whether a key is among them.
    #[must_use]
    pub fn contain(&self, key: &str) -> bool {
        match self {
            Self::One(one) => key == one,
            Self::Under(prefix) => key.starts_with(prefix.as_str()),
        }
    }
}

/// What was there at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The entries, ordered by key.
    pub entries: Vec<Entry>,
    /// The point at which all of them were there, and no others.
    pub revision: Revision,
}

/// Writes that happen together, if every expectation holds. A key is written at most once.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    expectations: Vec<(String, Revision)>,
    writes: Vec<Write>,
}

/// One write of a [`Commit`].
#[derive(Clone, Debug)]
pub(crate) enum Write {
    Put { key: String, value: Vec<u8>, lease: Option<LeaseId> },
    Delete { key: String },
}

impl Commit {
    /// A commit of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if the key was written last at this revision; [`Revision::ABSENT`]: only if it is not there.
    #[must_use]
    pub fn expect(mut self, key: impl Into<String>, revision: Revision) -> Self {
        self.expectations.push((key.into(), revision));
        self
    }

    /// Writes a key that stays until it is deleted.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), lease: None });
        self
    }

    /// Writes a key that goes with a lease.
    #[must_use]
    pub fn put_leased(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>, lease: LeaseId) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), lease: Some(lease) });
        self
    }

    /// Deletes a key.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }
}

/// What became of a [`Commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was written.
    Committed(Revision),
    /// An expectation did not hold and nothing was written. Here is what the keys of the expectations were.
    Refused(Snapshot),
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Put(Entry),
    /// It was deleted, or went with its lease.
    Deleted {
        /// The key.
        key: String,
        /// When.
        revision: Revision,
    },
}

impl Change {
    /// When it happened.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Deleted { revision, .. } => *revision,
        }
    }
}

/// The changes between the watched revision and now are not kept any more: read anew and watch from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not keep the changes after the watched revision any more")]
pub struct Compacted;

/// The changes of some keys, in order and without gaps. It outlives the store's restarts.
pub trait Watch: fmt::Debug + Send + 'static {
    /// Waits for the next change. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Compacted`]; nothing comes after it.
    fn next(&mut self) -> impl Future<Output = Result<Change, Compacted>> + Send;
}

/// The store.
pub trait Store: Clone + fmt::Debug + Send + Sync + 'static {
    /// Its watches.
    type Watch: Watch;

    /// Grants a lease: it lives at least as long as asked for. Returns its id and how long it really lives.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn grant(&self, time_to_live: Duration) -> impl Future<Output = Result<(LeaseId, Duration), Error>> + Send;

    /// Begins a lease's time anew. Returns how long it lives from now.
    ///
    /// # Errors
    /// [`Error::LeaseGone`], [`Error::Unavailable`].
    fn renew(&self, lease: LeaseId) -> impl Future<Output = Result<Duration, Error>> + Send;

    /// Ends a lease and deletes the keys that hang on it. A lease that is gone is fine.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn revoke(&self, lease: LeaseId) -> impl Future<Output = Result<(), Error>> + Send;

    /// How long a lease lives.
    ///
    /// # Errors
    /// [`Error::LeaseGone`], [`Error::Unavailable`].
    fn lifetime(&self, lease: LeaseId) -> impl Future<Output = Result<Lifetime, Error>> + Send;

    /// Reads keys: what every commit that was answered before has left.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn read(&self, keys: &Keys) -> impl Future<Output = Result<Snapshot, Error>> + Send;

    /// Reads as [`Store::read`] does, but no more than the first `limit` keys of those that begin with a prefix and come after a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    fn read_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, Error>> + Send;

    /// Writes, if all expectations hold.
    ///
    /// # Errors
    /// [`Error::LeaseGone`] when a key was to hang on a lease that is not there; [`Error::Unavailable`], after which it may have
    /// happened or not.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Outcome, Error>> + Send;

    /// Watches keys for all that changes after a revision.
    fn watch(&self, keys: Keys, after: Revision) -> Self::Watch;
}
