use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use deis_kube::watch::Health;
use tokio::sync::watch;

use super::{Source, Table};

/// The current table, and whether it can still be trusted.
#[derive(Debug)]
pub struct Live {
    table: ArcSwap<Table>,
    generations: watch::Sender<u64>,
    healths: Vec<Health>,
    stale_after: Duration,
}

impl Live {
    /// An empty table. Pod addresses are not trusted any more once a watch has been broken for `stale_after`.
    #[must_use]
    pub fn new(healths: Vec<Health>, stale_after: Duration) -> Self {
        Self { table: ArcSwap::default(), generations: watch::Sender::new(0), healths, stale_after }
    }

    /// The table of this moment.
    #[must_use]
    pub fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// Replaces the table. Only the one task that owns the index calls this.
    pub fn publish(&self, mut table: Table, source: Source) {
        let generation = *self.generations.borrow() + 1;
        table.generation = generation;
        table.source = source;
        self.table.store(Arc::new(table));
        self.generations.send_replace(generation);
    }

    /// Told of every new generation.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.generations.subscribe()
    }

    /// For how long the watches have been broken; `None` while all live.
    #[must_use]
    pub fn stale_for(&self) -> Option<Duration> {
        self.healths.iter().filter_map(Health::stale_for).max()
    }

    /// Whether a pod's address may belong to another tenant by now: the table is from disk, or the watches have been broken for
    /// too long. Services keep their addresses.
    #[must_use]
    pub fn distrusts_pods(&self) -> bool {
        self.table.load().source == Source::Disk || self.stale_for().is_some_and(|stale| stale >= self.stale_after)
    }
}
