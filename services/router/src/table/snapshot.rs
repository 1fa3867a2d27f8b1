use std::collections::BTreeMap;
use std::sync::Arc;

use super::ServiceKey;
use super::disk::Saved;
use super::index::{Known, Slices};
use super::map::Map;

/// What a table is made from at one moment. It is shared with the index: making one copies no app.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) services: Map<ServiceKey, Arc<Known>>,
    pub(super) slices: Map<ServiceKey, Slices>,
    pub(super) settings: BTreeMap<String, String>,
}

impl Snapshot {
    /// Copies all of it, to be written to disk.
    #[must_use]
    pub fn saved(&self) -> Saved {
        let services = self.services.values().map(|known| known.facts.clone()).collect();
        let slices = self.slices.values().flat_map(|slices| slices.iter().cloned()).collect();
        Saved::new(services, slices, self.settings.clone())
    }
}
