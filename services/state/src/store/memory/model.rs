use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::error::Error;
use crate::store::{Change, Commit, Compacted, Entry, Keys, LeaseId, Lifetime, Outcome, Revision, Snapshot, Write};

/// A store as a value: every transition is a function of what is there and, for leases, of the time.
#[derive(Debug)]
pub(super) struct Model {
    revision: Revision,
    compacted: Revision,
    entries: BTreeMap<String, Entry>,
    leases: BTreeMap<LeaseId, Lease>,
    history: VecDeque<Change>,
    last_lease: i64,
    generation: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    time_to_live: Duration,
    /// Since the store was made, as all times here.
    expires: Duration,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            // As in etcd, an empty store is at 1: 0 never is a point in history.
            revision: Revision(1),
            compacted: Revision::ABSENT,
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            history: VecDeque::new(),
            last_lease: 0,
            generation: 0,
        }
    }
}

impl Model {
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// Grows with every transition.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.leases.values().map(|lease| lease.expires).min()
    }

    /// Ends the leases whose time has passed, in the order in which it did.
    pub(super) fn expire(&mut self, now: Duration) {
        let mut due: Vec<_> = self.leases.iter().filter(|(_, lease)| lease.expires <= now).collect();
        due.sort_by_key(|(_, lease)| lease.expires);
        for id in due.into_iter().map(|(id, _)| *id).collect::<Vec<_>>() {
            self.revoke(id);
        }
    }

    pub(super) fn grant(&mut self, now: Duration, time_to_live: Duration) -> LeaseId {
        self.generation += 1;
        self.last_lease += 1;
        let id = LeaseId(self.last_lease);
        self.leases.insert(id, Lease { time_to_live, expires: now + time_to_live });
        id
    }

    pub(super) fn renew(&mut self, now: Duration, id: LeaseId) -> Result<Duration, Error> {
        let lease = self.leases.get_mut(&id).ok_or(Error::LeaseGone)?;
        lease.expires = now + lease.time_to_live;
        Ok(lease.time_to_live)
    }

    pub(super) fn lifetime(&self, now: Duration, id: LeaseId) -> Result<Lifetime, Error> {
        let lease = self.leases.get(&id).ok_or(Error::LeaseGone)?;
        Ok(Lifetime { granted: lease.time_to_live, remaining: lease.expires.saturating_sub(now) })
    }

    pub(super) fn revoke(&mut self, id: LeaseId) {
        if self.leases.remove(&id).is_none() {
            return;
        }
        let hanging = self.entries.values().filter(|entry| entry.lease == Some(id));
        let writes = hanging.map(|entry| Write::Delete { key: entry.key.clone() }).collect();
        self.write(writes);
    }

    pub(super) fn read(&self, keys: &Keys) -> Snapshot {
        let entries = self.entries.values().filter(|entry| keys.contain(&entry.key)).cloned().collect();
        Snapshot { entries, revision: self.revision }
    }

    pub(super) fn read_page(&self, prefix: &str, after: &str, limit: usize) -> Vec<Entry> {
        let found = self.entries.values().filter(|entry| entry.key.starts_with(prefix) && entry.key.as_str() > after);
        found.take(limit).cloned().collect()
    }

    pub(super) fn commit(&mut self, commit: Commit) -> Result<Outcome, Error> {
        let holds = |(key, expected): &(String, Revision)| {
            self.entries.get(key).map_or(Revision::ABSENT, |entry| entry.revision) == *expected
        };
        if !commit.expectations.iter().all(holds) {
            let keys = commit.expectations.iter().map(|(key, _)| key);
            let entries = keys.filter_map(|key| self.entries.get(key)).cloned().collect();
            return Ok(Outcome::Refused(Snapshot { entries, revision: self.revision }));
        }
        let has_lease = |write: &Write| match write {
            Write::Put { lease: Some(lease), .. } => self.leases.contains_key(lease),
            Write::Put { lease: None, .. } | Write::Delete { .. } => true,
        };
        if !commit.writes.iter().all(has_lease) {
            return Err(Error::LeaseGone);
        }
        self.write(commit.writes);
        Ok(Outcome::Committed(self.revision))
    }

    /// What changed after a revision.
    pub(super) fn changes(&self, keys: &Keys, after: Revision) -> Result<VecDeque<Change>, Compacted> {
        if after < self.compacted {
            return Err(Compacted);
        }
        let news = self.history.iter().filter(|change| change.revision() > after);
        Ok(news.filter(|change| keys.contain(key_of(change))).cloned().collect())
    }

    pub(super) fn compact(&mut self, revision: Revision) {
        self.generation += 1;
        self.compacted = revision;
        self.history.retain(|change| change.revision() > revision);
    }

    fn write(&mut self, writes: Vec<Write>) {
        self.generation += 1;
        let revision = Revision(self.revision.0 + 1);
        let before = self.history.len();
        for write in writes {
            match write {
                Write::Put { key, value, lease } => {
                    let created = self.entries.get(&key).map_or(revision, |entry| entry.created);
                    let entry = Entry { key: key.clone(), value, created, revision, lease };
                    self.entries.insert(key, entry.clone());
                    self.history.push_back(Change::Put(entry));
                }
                Write::Delete { key } => {
                    if self.entries.remove(&key).is_some() {
                        self.history.push_back(Change::Deleted { key, revision });
                    }
                }
            }
        }
        // As in etcd: what changes nothing is no point in history.
        if self.history.len() > before {
            self.revision = revision;
        }
    }
}

fn key_of(change: &Change) -> &str {
    match change {
        Change::Put(entry) => &entry.key,
        Change::Deleted { key, .. } => key,
    }
}
