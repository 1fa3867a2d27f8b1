use std::collections::BTreeMap;
use std::sync::Arc;

use super::ServiceKey;
use super::disk::{Saved, SavedCertificates};
use super::facts::Certificate;
use super::index::{Known, Slices};
use super::map::Map;

/// What a table is made from at one moment. It is shared with the index: making one copies no app.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) services: Map<ServiceKey, Arc<Known>>,
    pub(super) slices: Map<ServiceKey, Slices>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) certificates: Map<Arc<str>, Arc<Certificate>>,
}

impl Snapshot {
    /// Copies all of it, to be written to disk.
    #[must_use]
    pub fn saved(&self) -> Saved {
        let services = self.services.values().map(|known| known.facts.clone()).collect();
        let slices = self.slices.values().flat_map(|slices| slices.iter().cloned()).collect();
        Saved::new(services, slices, self.settings.clone())
    }

    /// The certificates, unless they are those that were there `before`.
    pub(crate) fn certificates_after(&self, before: Option<&KeptCertificates>) -> Option<KeptCertificates> {
        let is_same = before.is_some_and(|before| before.0.is_same(&self.certificates));
        (!is_same).then(|| KeptCertificates(self.certificates.clone()))
    }
}

/// The certificates of a snapshot.
#[derive(Clone, Debug)]
pub(crate) struct KeptCertificates(Map<Arc<str>, Arc<Certificate>>);

impl KeptCertificates {
    /// Copies all of them, to be written where no disk keeps them.
    pub(crate) fn saved(&self) -> SavedCertificates {
        SavedCertificates::new(self.0.values())
    }
}
