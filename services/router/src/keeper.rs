//! Keeps the live table up to date, and the last good one on disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Latch, Tasks};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::table::disk::{DiskError, Saved, SavedCertificates};
use crate::table::facts::Event;
use crate::table::{Index, Live, Snapshot, Source};

/// Events that have come together are published together.
const BATCH: usize = 1024;
/// The file is written at most this often: a whole table each time.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Where the last good table is kept.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// On disk.
    pub(crate) table: PathBuf,
    /// In memory, for there are keys in it.
    pub(crate) certificates: PathBuf,
}

/// Publishes the table that an earlier process left, if there is one; whether there was.
pub(crate) fn publish_saved(files: &Files, index: &mut Index, live: &Live) -> bool {
    let Files { table: file, certificates } = files;
    match Saved::load(file) {
        Ok(Some(saved)) => {
            let certificates = SavedCertificates::load(certificates).unwrap_or_else(|error| {
                tracing::warn!(%error, file = %certificates.display(), "the last good certificates cannot be used");
                None
            });
            let certificates = certificates.into_iter().flat_map(SavedCertificates::into_events);
            saved.into_events().chain(certificates).for_each(|event| {
                index.apply(event);
            });
            let table = index.table();
            tracing::info!(routes = table.services(), "serving the last good table until Kubernetes answers");
            live.publish(table, Source::Disk);
            true
        }
        Ok(None) => false,
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "the last good table cannot be used");
            false
        }
    }
}

/// The one task that changes the table.
pub(crate) struct Keeper {
    pub(crate) index: Index,
    pub(crate) live: Arc<Live>,
    /// Held until the first table is there.
    pub(crate) first_table: Option<Latch>,
    pub(crate) saves: watch::Sender<Mutex<Option<Snapshot>>>,
}

impl Keeper {
    /// Applies events until `end`. The table is published from the moment it is complete: half a list would be taken for the whole.
    pub(crate) async fn run(mut self, events: BoxStream<'static, Event>, end: CancellationToken) {
        let mut batches = events.ready_chunks(BATCH).fuse();
        let mut save_time = interval(SAVE_EVERY);
        save_time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut published, mut unsaved) = (false, false);
        loop {
            tokio::select! {
                Some(batch) = batches.next() => {
                    let mut changed = false;
                    for event in batch {
                        changed |= self.index.apply(event);
                    }
                    if self.index.is_complete() && (changed || !published) {
                        self.live.publish(self.index.table(), Source::Watch);
                        (published, unsaved) = (true, true);
                        self.first_table = None;
                    }
                }
                _now = save_time.tick(), if unsaved => {
                    self.save();
                    unsaved = false;
                }
                () = end.cancelled() => break,
            }
        }
        if unsaved {
            self.save();
        }
    }

    fn save(&self) {
        self.saves.send_replace(Mutex::new(Some(self.index.snapshot())));
    }
}

/// Writes tables to disk, the newest one whenever the last has been written. It is taken out of the channel: what only an old table has
/// would stay in memory with it. Ends with the keeper.
pub(crate) async fn write_saves(mut saves: watch::Receiver<Mutex<Option<Snapshot>>>, files: Files, tasks: Tasks) {
    let mut certificates = None;
    while saves.changed().await.is_ok() {
        let Some(snapshot) = saves.borrow_and_update().lock().take() else { continue };
        let (files, before) = (files.clone(), certificates.clone());
        let saving = move || {
            // First the table, which is kept also where certificates have no place.
            snapshot.saved().save(&files.table)?;
            // They change seldom, and are written whole.
            let new = snapshot.certificates_after(before.as_ref());
            if let Some(new) = &new {
                new.saved().save(&files.certificates)?;
            }
            Ok::<_, DiskError>(new)
        };
        match tasks.blocking("save the table", saving).await {
            Ok(Ok(Some(new))) => certificates = Some(new),
            Ok(Ok(None)) | Err(_) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the table or its certificates were not saved"),
        }
    }
}

#[cfg(test)]
mod tests {
    use deis_bootstrap::Context;

    use super::*;
    use crate::table::Defaults;

    #[tokio::test]
    async fn a_table_that_is_saved_is_kept_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.json");
        let (saves, to_save) = watch::channel(Mutex::new(None));
        saves.send_replace(Mutex::new(Some(Index::new(None, Defaults::default()).snapshot())));
        let seen = saves.subscribe();
        drop(saves);
        let certificates = folder.path().join("certificates.json");
        let files = Files { table: file.clone(), certificates: certificates.clone() };
        write_saves(to_save, files, Context::new("router").tasks).await;
        assert!(file.exists() && certificates.exists() && seen.borrow().lock().is_none());
    }
}
