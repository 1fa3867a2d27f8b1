//! The store for tests: everything in this process, gone with it.

mod clock;
mod model;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use self::clock::Clock;
use self::model::Model;
use super::{Change, Commit, Compacted, Entry, Keys, LeaseId, Lifetime, Outcome, Revision, Snapshot, Store, Watch};
use crate::error::Error;

/// A store in memory. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    clock: Clock,
    model: Mutex<Model>,
    /// The model's generation, for those who wait for the next one.
    generation: watch::Sender<u64>,
}

impl Memory {
    /// A store whose time stands still until [`Memory::advance`].
    #[must_use]
    pub fn with_manual_clock() -> Self {
        Self { inner: Arc::new(Inner { clock: Clock::manual(), ..Inner::default() }) }
    }

    /// Lets time pass at once. Nothing happens to a store whose clock is not manual.
    pub fn advance(&self, time: Duration) {
        self.inner.clock.advance(time);
        self.with(|_model, _now| ());
    }

    /// Forgets the changes up to a revision, as etcd's compaction does.
    pub fn compact(&self, revision: Revision) {
        self.with(|model, _now| model.compact(revision));
    }

    /// Does something with the model as it is now, and wakes the watches if that changed it.
    fn with<T>(&self, act: impl FnOnce(&mut Model, Duration) -> T) -> T {
        let mut model = self.inner.model.lock();
        let now = self.inner.clock.now();
        model.expire(now);
        let result = act(&mut model, now);
        self.inner
            .generation
            .send_if_modified(|seen| std::mem::replace(seen, model.generation()) != model.generation());
        result
    }
}

impl Store for Memory {
    type Watch = MemoryWatch;

    async fn grant(&self, time_to_live: Duration) -> Result<(LeaseId, Duration), Error> {
        Ok((self.with(|model, now| model.grant(now, time_to_live)), time_to_live))
    }

    async fn renew(&self, lease: LeaseId) -> Result<Duration, Error> {
        self.with(|model, now| model.renew(now, lease))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), Error> {
        self.with(|model, _now| model.revoke(lease));
        Ok(())
    }

    async fn lifetime(&self, lease: LeaseId) -> Result<Lifetime, Error> {
        self.with(|model, now| model.lifetime(now, lease))
    }

    async fn read(&self, keys: &Keys) -> Result<Snapshot, Error> {
        Ok(self.with(|model, _now| model.read(keys)))
    }

    async fn read_page(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<Entry>, Error> {
        Ok(self.with(|model, _now| model.read_page(prefix, after, limit)))
    }

    async fn commit(&self, commit: Commit) -> Result<Outcome, Error> {
        self.with(|model, _now| model.commit(commit))
    }

    fn watch(&self, keys: Keys, after: Revision) -> MemoryWatch {
        MemoryWatch {
            store: self.clone(),
            generation: self.inner.generation.subscribe(),
            keys,
            after,
            pending: VecDeque::new(),
        }
    }
}

/// A watch of a [`Memory`].
#[derive(Debug)]
pub struct MemoryWatch {
    store: Memory,
    generation: watch::Receiver<u64>,
    keys: Keys,
    after: Revision,
    pending: VecDeque<Change>,
}

impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<Change, Compacted> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Ok(change);
            }
            self.generation.mark_unchanged();
            let (revision, changes, next_expiry) = self.store.with(|model, _now| {
                model.changes(&self.keys, self.after).map(|changes| (model.revision(), changes, model.next_expiry()))
            })?;
            self.after = self.after.max(revision);
            self.pending = changes;
            if !self.pending.is_empty() {
                continue;
            }
            tokio::select! {
                // The store holds the sender and this watch holds the store: it cannot be closed.
                _ = self.generation.changed() => {}
                () = self.store.inner.clock.until(next_expiry) => {}
            }
        }
    }
}
