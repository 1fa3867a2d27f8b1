//! Reading and then watching, whatever happens to the store's history meanwhile.

use crate::error::Error;
use crate::store::{Change, Compacted, Keys, Revision, Snapshot, Store, Watch as _};

/// What is there, then every change; what is there again whenever the changes since then are not kept any more.
#[derive(Debug)]
pub struct Follower<S: Store> {
    store: S,
    keys: Keys,
    at: At<S::Watch>,
}

#[derive(Debug)]
enum At<W> {
    /// Nothing was seen that could be gone on from.
    Nothing,
    /// This revision was seen before, perhaps of another store: it was restored from a backup, or replaced.
    Claimed(Revision),
    Watching(W),
}

/// What a [`Follower`] sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// All that is there now; what was known before is void.
    Snapshot(Snapshot),
    /// The next change.
    Change(Change),
}

impl<S: Store> Follower<S> {
    /// Begins with all that is there.
    pub fn new(store: &S, keys: Keys) -> Self {
        Self { store: store.clone(), keys, at: At::Nothing }
    }

    /// Begins with what changed after a revision that was seen before.
    pub fn resume(store: &S, keys: Keys, after: Revision) -> Self {
        Self { store: store.clone(), keys, at: At::Claimed(after) }
    }

    /// Waits for what is next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when all would have to be read and cannot.
    pub async fn next(&mut self) -> Result<Followed, Error> {
        loop {
            match &mut self.at {
                At::Watching(watch) => match watch.next().await {
                    Ok(change) => return Ok(Followed::Change(change)),
                    Err(Compacted) => self.at = At::Nothing,
                },
                At::Claimed(revision) => {
                    let revision = *revision;
                    let now = self.store.read(&self.keys).await?;
                    self.watch_after(revision.min(now.revision));
                    if revision > now.revision {
                        return Ok(Followed::Snapshot(now));
                    }
                }
                At::Nothing => {
                    let now = self.store.read(&self.keys).await?;
                    self.watch_after(now.revision);
                    return Ok(Followed::Snapshot(now));
                }
            }
        }
    }

    fn watch_after(&mut self, revision: Revision) {
        self.at = At::Watching(self.store.watch(self.keys.clone(), revision));
    }
}
