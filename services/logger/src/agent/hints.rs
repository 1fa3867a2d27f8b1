//! What the kernel says of changed files. A hint and no more: what it leaves out, the next full look finds.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What has changed since it was asked last.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Folders in which a file has grown.
    pub(crate) grown: HashSet<PathBuf>,
    /// Files or folders have come, gone or been renamed, or the kernel has lost count.
    pub(crate) is_different: bool,
}

/// Watches folders.
#[derive(Debug)]
pub(crate) struct Hints {
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    changes: Arc<Mutex<Changes>>,
    told: Arc<Notify>,
}

impl Hints {
    /// Without the kernel's help, full looks are all there is.
    pub(crate) fn new() -> Self {
        let (changes, told) = (Arc::<Mutex<Changes>>::default(), Arc::<Notify>::default());
        let handler = {
            let (changes, told) = (Arc::clone(&changes), Arc::clone(&told));
            move |event: notify::Result<Event>| {
                if take(event, &mut changes.lock()) {
                    told.notify_one();
                }
            }
        };
        let watcher = notify::recommended_watcher(handler)
            .inspect_err(|error| tracing::warn!(%error, "the kernel does not tell of changes: lines come late"));
        Self { watcher: watcher.ok(), watched: HashSet::new(), changes, told }
    }

    /// Told when something has changed.
    pub(crate) fn told(&self) -> Arc<Notify> {
        Arc::clone(&self.told)
    }

    pub(crate) fn take(&self) -> Changes {
        std::mem::take(&mut self.changes.lock())
    }

    /// Watches these folders, and no others.
    pub(crate) fn watch(&mut self, folders: HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in self.watched.difference(&folders) {
            // It may be gone, which has ended its watch.
            drop(watcher.unwatch(folder));
        }
        let mut watched: HashSet<_> = self.watched.intersection(&folders).cloned().collect();
        for folder in folders.difference(&self.watched) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder.clone())),
                Err(error) => tracing::debug!(%error, folder = %folder.display(), "a folder is not watched"),
            }
        }
        self.watched = watched;
    }
}

/// Takes in an event; says whether it matters.
fn take(event: notify::Result<Event>, changes: &mut Changes) -> bool {
    match event {
        // Opening and closing: our own doings, too.
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => return false,
        Ok(event) if matches!(event.kind, EventKind::Modify(ModifyKind::Data(_))) && !event.need_rescan() => {
            changes.grown.extend(event.paths.iter().filter_map(|path| path.parent()).map(Path::to_path_buf));
        }
        Ok(_) | Err(_) => changes.is_different = true,
    }
    true
}
