use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Whether others may rely on this process: it is ready while no latch is held.
///
/// A latch is taken for each thing that has to happen first (a store reached, a list complete, a listener bound) and released
/// when it has. It may be taken again when that is lost. Peer services are never among these things.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    held: BTreeMap<u64, &'static str>,
    ending: bool,
}

impl Readiness {
    /// Makes the process not ready until the latch is released.
    pub fn latch(&self, waiting_for: &'static str) -> Latch {
        let mut inner = self.inner.lock();
        let id = inner.next_id;
        inner.next_id += 1;
        inner.held.insert(id, waiting_for);
        Latch { readiness: self.clone(), id }
    }

    /// What is still waited for; empty when ready.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<&'static str> {
        let inner = self.inner.lock();
        let ending = inner.ending.then_some("nothing: the process is ending");
        ending.into_iter().chain(inner.held.values().copied()).collect()
    }

    /// Whether the process is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.waiting_for().is_empty()
    }

    /// Not ready any more, for good: the first step of every shutdown.
    pub(crate) fn end(&self) {
        self.inner.lock().ending = true;
    }
}

/// One thing that has to happen before the process is ready. Dropping it says that it has.
#[derive(Debug)]
#[must_use = "dropping a latch releases it"]
pub struct Latch {
    readiness: Readiness,
    id: u64,
}

impl Latch {
    /// It has happened.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.readiness.inner.lock().held.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_the_last_latch_goes() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        let store = readiness.latch("the store");
        let lists = readiness.latch("the lists");
        assert_eq!(readiness.waiting_for(), ["the store", "the lists"]);
        store.release();
        assert!(!readiness.is_ready());
        drop(lists);
        assert!(readiness.is_ready());
        let again = readiness.latch("the store");
        assert!(!readiness.is_ready());
        again.release();
        readiness.end();
        assert!(!readiness.is_ready());
    }
}
