use std::cmp::Reverse;
use std::sync::Arc;

use super::{Index, Known, put};
use crate::table::ServiceKey;
use crate::table::route::Branch;

impl Known {
    /// The Service that it has paths of.
    pub(super) fn trunk(&self) -> Option<ServiceKey> {
        let name = self.settings.paths.as_ref()?.of.clone();
        let trunk = ServiceKey { namespace: self.facts.key.namespace.clone(), name };
        (trunk != self.facts.key).then_some(trunk)
    }
}

impl Index {
    /// A Service is new, changed or gone: the one whose paths it has, and the one whose it had `before`, learn of it. Whether that changed
    /// anything.
    pub(super) fn graft(&mut self, key: &ServiceKey, before: Option<&Arc<Known>>) -> bool {
        let before = before.and_then(|known| known.trunk());
        let after = self.services.get(key).and_then(|known| known.trunk());
        if let Some(trunk) = &before
            && let Some(branches) = self.branches.get_mut(trunk)
        {
            branches.retain(|branch| branch != key);
            if branches.is_empty() {
                self.branches.remove(trunk);
            }
        }
        if let Some(trunk) = &after {
            put(self.branches.entry(trunk.clone()).or_default(), key.clone());
        }
        let mut changed = false;
        for trunk in before.iter().chain(&after) {
            changed |= self.rebuild(trunk);
        }
        changed
    }

    /// The Services that have paths of this one.
    pub(super) fn branches_of(&self, trunk: &ServiceKey) -> Box<[Branch]> {
        let keys = self.branches.get(trunk).into_iter().flatten();
        let branches = keys.filter_map(|key| {
            let pattern = self.services.get(key)?.settings.paths.as_ref()?.pattern.clone();
            Some(Branch { pattern, key: key.clone() })
        });
        let mut branches = branches.collect::<Vec<_>>();
        branches.sort_by_key(|branch| Reverse(branch.pattern.as_str().len()));
        branches.into()
    }
}
