//! Progress of operations: numbered entries that live for minutes, so that whoever waits can be told from any replica.
//!
//! An operation is a head, "/deis/progress/{operation}:", which says how far it has come, and its entries,
//! "/deis/progress/{operation}:{sequence}", all on one lease. The head comes first in every commit and every snapshot.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::follow::{Followed, Follower};
use crate::names::Path;
use crate::store::{Change, Commit, Entry, Keys, LeaseId, Outcome, Revision, Store};

/// How long entries may be kept after the latest call.
const TIME_TO_LIVE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
/// Entries of one operation.
const MOST_ENTRIES: u64 = 1000;
/// Entries of one call: etcd takes 128 writes in a transaction.
const MOST_AT_ONCE: usize = 100;
/// Bytes in the longest entry.
const LONGEST_ENTRY: usize = 64 * 1024;
/// Bytes of all entries of one call: etcd takes 1.5 MiB in a transaction.
const MOST_BYTES_AT_ONCE: usize = 1024 * 1024;
/// How often an append is tried while others append to the same operation.
const ATTEMPTS: usize = 16;

/// An entry to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// What it says; only publisher and watcher know its form.
    pub payload: Vec<u8>,
    /// Nothing comes after it.
    pub last: bool,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressEntry {
    /// 1, 2, 3, …
    pub sequence: u64,
    /// What it says.
    pub payload: Vec<u8>,
    /// Nothing comes after it.
    pub last: bool,
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Head {
    /// Of the last entry.
    sequence: u64,
    /// Whether that was the last one for good.
    ended: bool,
}

/// Appends entries, all or none, and renews the operation's time to live, which the first call has set. Returns the sequence
/// number of the last entry.
///
/// # Errors
/// [`Error::OperationEnded`], [`Error::OperationFull`], [`Error::TooLarge`], [`Error::Invalid`], [`Error::Contended`],
/// [`Error::Unavailable`].
pub async fn publish<S: Store>(
    store: &S,
    operation: &Path,
    entries: &[NewEntry],
    time_to_live: Duration,
) -> Result<u64, Error> {
    check(entries, time_to_live)?;
    for _attempt in 0..ATTEMPTS {
        let found = store.read(&Keys::One(head_key(operation))).await?.entries.into_iter().next();
        let (head, lease, revision) = match found.as_ref().and_then(|entry| Some((entry, entry.lease?))) {
            Some((entry, lease)) => match store.renew(lease).await {
                Ok(_) => (head(entry)?, lease, entry.revision),
                // It ran out just now: the next read will not find it.
                Err(Error::LeaseGone) => continue,
                Err(error) => return Err(error),
            },
            None => (Head::default(), store.grant(time_to_live).await?.0, Revision::ABSENT),
        };
        let (commit, sequence) = append(operation, head, revision, lease, entries)?;
        match store.commit(commit).await {
            Ok(Outcome::Committed(_)) => return Ok(sequence),
            Ok(Outcome::Refused(_)) if revision == Revision::ABSENT => store.revoke(lease).await?,
            Ok(Outcome::Refused(_)) | Err(Error::LeaseGone) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Contended(operation.to_string()))
}

fn check(entries: &[NewEntry], time_to_live: Duration) -> Result<(), Error> {
    let invalid = |rule| Err(Error::Invalid { field: "entries", rule });
    if !TIME_TO_LIVE.contains(&time_to_live) {
        return Err(Error::Invalid { field: "time_to_live", rule: "1 s to 1 h" });
    }
    if entries.is_empty() || entries.len() > MOST_AT_ONCE {
        return invalid("1 to 100 at once");
    }
    if entries.iter().rev().skip(1).any(|entry| entry.last) {
        return invalid("only the last one may be last");
    }
    if entries.iter().any(|entry| entry.payload.len() > LONGEST_ENTRY) {
        return Err(Error::TooLarge { field: "payload", limit: LONGEST_ENTRY });
    }
    if entries.iter().map(|entry| entry.payload.len()).sum::<usize>() > MOST_BYTES_AT_ONCE {
        return Err(Error::TooLarge { field: "entries", limit: MOST_BYTES_AT_ONCE });
    }
    Ok(())
}

fn append(
    operation: &Path,
    head: Head,
    revision: Revision,
    lease: LeaseId,
    entries: &[NewEntry],
) -> Result<(Commit, u64), Error> {
    if head.ended {
        return Err(Error::OperationEnded(operation.clone()));
    }
    let key = head_key(operation);
    let numbered = (head.sequence + 1..).zip(entries);
    let next = numbered.clone().last().map_or(head, |(sequence, entry)| Head { sequence, ended: entry.last });
    if next.sequence > MOST_ENTRIES {
        return Err(Error::OperationFull(operation.clone()));
    }
    let value = serde_json::to_vec(&next).map_err(|error| Error::Corrupt(key.clone(), error))?;
    let commit = Commit::new().expect(&key, revision).put_leased(&key, value, lease);
    let commit = numbered.fold(commit, |commit, (sequence, entry)| {
        commit.put_leased(format!("{key}{sequence:08}"), entry.payload.clone(), lease)
    });
    Ok((commit, next.sequence))
}

/// An operation as it goes on.
#[derive(Debug)]
pub struct ProgressWatch<S: Store> {
    operation: Path,
    follower: Follower<S>,
    /// The last entry that was given out.
    seen: u64,
    head: Option<Head>,
    pending: VecDeque<Entry>,
}

impl<S: Store> ProgressWatch<S> {
    /// Entries after a sequence number; 0 for all. The operation need not have begun.
    pub fn new(store: &S, operation: &Path, after: u64) -> Self {
        Self {
            operation: operation.clone(),
            follower: Follower::new(store, Keys::Under(head_key(operation))),
            seen: after,
            head: None,
            pending: VecDeque::new(),
        }
    }

    /// Waits for the next entry; `None` after the last one. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::OperationGone`] when the operation runs out before its last entry, [`Error::Unavailable`].
    pub async fn next(&mut self) -> Result<Option<ProgressEntry>, Error> {
        loop {
            if let Some(entry) = self.pending.pop_front()
                && let Some(entry) = self.take(entry)?
            {
                return Ok(Some(entry));
            }
            if !self.pending.is_empty() {
                continue;
            }
            if self.head.is_some_and(|head| head.ended && head.sequence <= self.seen) {
                return Ok(None);
            }
            match self.follower.next().await? {
                Followed::Snapshot(now) => self.restart(now.entries)?,
                Followed::Change(Change::Put(entry)) => self.pending.push_back(entry),
                Followed::Change(Change::Deleted { .. }) => return Err(Error::OperationGone(self.operation.clone())),
            }
        }
    }

    /// Goes on with all that is there.
    fn restart(&mut self, entries: Vec<Entry>) -> Result<(), Error> {
        let was_known = self.head.is_some();
        self.pending = entries.into();
        self.head = match self.pending.front() {
            Some(first) => Some(head(first)?),
            None if was_known => return Err(Error::OperationGone(self.operation.clone())),
            None => None,
        };
        // A number that was never reached is of an earlier operation of this name, which has run out.
        if self.head.unwrap_or_default().sequence < self.seen {
            self.seen = 0;
        }
        Ok(())
    }

    fn take(&mut self, entry: Entry) -> Result<Option<ProgressEntry>, Error> {
        let Some(sequence) = entry.key.rsplit(':').next().and_then(|number| number.parse::<u64>().ok()) else {
            self.head = Some(head(&entry)?);
            return Ok(None);
        };
        if sequence <= self.seen {
            return Ok(None);
        }
        self.seen = sequence;
        let last = self.head.is_some_and(|head| head.ended && head.sequence == sequence);
        Ok(Some(ProgressEntry { sequence, payload: entry.value, last }))
    }
}

fn head_key(operation: &Path) -> String {
    format!("/deis/progress/{operation}:")
}

fn head(entry: &Entry) -> Result<Head, Error> {
    serde_json::from_slice(&entry.value).map_err(|error| Error::Corrupt(entry.key.clone(), error))
}
