//! What hangs on leases now, for operators: elections, leases and locks, a page at a time.
//!
//! A page goes on after the last key of the page before. The order is that of the keys, so that what comes and goes meanwhile shifts
//! nothing; what has gone by the time its lease is asked about is left out.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::error::Error;
use crate::leadership;
use crate::leases;
use crate::locks::{self, Owner};
use crate::store::{Entry, Keys, LeaseId, Lifetime, Store};

/// Holdings of the largest page. Each has texts of at most 1 KiB.
pub const LARGEST_PAGE: usize = 100;
/// What their keys begin with, in the order of the keys.
const UNDER: [&str; 3] = [leadership::UNDER, leases::UNDER, locks::UNDER];
/// How many leases are asked about at the same time.
const AT_ONCE: usize = 8;

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The lead of an election.
    Leader,
    /// A place behind the leader.
    Candidate,
    /// A lock.
    Lock,
    /// A lease by itself.
    Lease,
}

/// Something that hangs on a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it is.
    pub kind: Kind,
    /// Of the lock or the election; of a lease its number.
    pub name: String,
    /// By whom, and what for.
    pub owner: Owner,
    /// Of a lock: since when it is held; of the others: since when the lease lives, if that was written down.
    pub since: Option<SystemTime>,
    /// What it hangs on.
    pub lease: LeaseId,
    /// How long that lives.
    pub lifetime: Lifetime,
}

impl Holding {
    /// Whether the holder still gives signs of life. It renews after a third of its time; more than half of it is late.
    #[must_use]
    pub fn is_renewed(&self) -> bool {
        self.lifetime.remaining > self.lifetime.granted / 2
    }
}

/// Some of what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Ordered by key.
    pub holdings: Vec<Holding>,
    /// Where the next page begins, if there may be one.
    pub next: Option<String>,
}

/// Lists up to `size` holdings, at most [`LARGEST_PAGE`], after the page whose `next` this is; nothing for the first one.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Corrupt`], [`Error::Unavailable`].
pub async fn list<S: Store>(store: &S, after: &str, size: usize) -> Result<Page, Error> {
    if !after.is_empty() && !UNDER.iter().any(|under| after.starts_with(under)) {
        return Err(Error::Invalid { field: "page_token", rule: "next_page_token of the page before, or nothing" });
    }
    let size = size.clamp(1, LARGEST_PAGE);
    let mut entries = Vec::new();
    // One more than asked for says whether another page comes.
    for under in UNDER.into_iter().filter(|under| after <= *under || after.starts_with(under)) {
        let left = size + 1 - entries.len();
        if left > 0 {
            entries.extend(store.read_page(under, after, left).await?);
        }
    }
    let has_more = entries.len() > size;
    entries.truncate(size);
    let next = if has_more { entries.last().map(|last| last.key.clone()) } else { None };
    let leaders = leaders(store, &entries).await?;
    let holdings = stream::iter(entries).map(|entry| holding(store, entry, &leaders)).buffered(AT_ONCE);
    let holdings = holdings.try_filter_map(async |holding| Ok(holding)).try_collect().await?;
    Ok(Page { holdings, next })
}

/// The leader's key of each election that has a candidate among the entries; the others of its candidates may be on other pages.
async fn leaders<S: Store>(store: &S, entries: &[Entry]) -> Result<BTreeMap<String, String>, Error> {
    let mut leaders = BTreeMap::new();
    for election in entries.iter().filter_map(election_of) {
        if leaders.contains_key(election) {
            continue;
        }
        let candidates = store.read(&Keys::Under(leadership::queue(election))).await?.entries;
        if let Some(first) = leadership::first(candidates.iter()) {
            leaders.insert(election.to_owned(), first.key.clone());
        }
    }
    Ok(leaders)
}

fn election_of(entry: &Entry) -> Option<&str> {
    entry.key.strip_prefix(leadership::UNDER)?.rsplit_once(':').map(|(election, _lease)| election)
}

/// `None` when its lease is gone by now.
async fn holding<S: Store>(
    store: &S,
    entry: Entry,
    leaders: &BTreeMap<String, String>,
) -> Result<Option<Holding>, Error> {
    let Some(lease) = entry.lease else { return Ok(None) };
    let lifetime = match store.lifetime(lease).await {
        Ok(lifetime) => lifetime,
        Err(Error::LeaseGone) => return Ok(None),
        Err(error) => return Err(error),
    };
    let of = |holder| Owner { holder, ..Owner::default() };
    let (kind, name, owner, since) = if let Some(election) = election_of(&entry) {
        let leads = leaders.get(election) == Some(&entry.key);
        let kind = if leads { Kind::Leader } else { Kind::Candidate };
        (kind, election, of(leadership::name_of(&entry)), granted(store, lease).await?)
    } else if let Some(name) = entry.key.strip_prefix(locks::UNDER) {
        let record = locks::Record::read(&entry)?;
        (Kind::Lock, name, record.owner, Some(record.since))
    } else {
        let record = leases::Record::read(&entry);
        let number = entry.key.strip_prefix(leases::UNDER).unwrap_or(&entry.key);
        (Kind::Lease, number, of(record.holder), record.since)
    };
    Ok(Some(Holding { kind, name: name.to_owned(), owner, since, lease, lifetime }))
}

/// When a lease was granted, if that was written down.
async fn granted<S: Store>(store: &S, lease: LeaseId) -> Result<Option<SystemTime>, Error> {
    let found = store.read(&Keys::One(leases::key(lease))).await?.entries;
    Ok(found.first().and_then(|entry| leases::Record::read(entry).since))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_holder_that_is_late_is_not_renewing() {
        let holding = |remaining| Holding {
            kind: Kind::Lease,
            name: String::new(),
            owner: Owner::default(),
            since: None,
            lease: LeaseId(1),
            lifetime: Lifetime { granted: Duration::from_secs(30), remaining: Duration::from_secs(remaining) },
        };
        let renewed = [30, 20, 16, 15, 0].map(|remaining| holding(remaining).is_renewed());
        assert_eq!(renewed, [true, true, true, false, false]);
    }

    #[test]
    fn pages_come_in_the_order_of_the_keys() {
        assert!(UNDER.is_sorted());
    }

    #[test]
    fn a_lease_of_an_earlier_version_has_its_holder() {
        let entry = |value: &[u8]| Entry {
            key: leases::key(LeaseId(1)),
            value: value.to_vec(),
            created: crate::store::Revision(1),
            revision: crate::store::Revision(1),
            lease: Some(LeaseId(1)),
        };
        let bare = leases::Record::read(&entry(b"deis-builder-x"));
        assert_eq!(bare, leases::Record { holder: "deis-builder-x".to_owned(), since: None });
    }
}
