use std::cmp::Reverse;
use std::sync::Arc;

use deis_kube::objects::Drain;

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

    /// What is said of a Service's pods that are about to go: by itself, and by the one whose paths it has. A deploy says it there of all
    /// pods of its app, under one epoch.
    pub(super) fn told<'a>(&'a self, known: &'a Known) -> impl Iterator<Item = &'a Drain> {
        let trunk = known.trunk().and_then(|trunk| self.services.get(&trunk));
        [&known.drain].into_iter().chain(trunk.map(|trunk| &trunk.drain))
    }

    /// A Service says something else of pods that are about to go: those that have paths of it go by that in the same table, so that its
    /// epoch holds for all. Whether that changed anything.
    pub(super) fn tell_branches(&mut self, trunk: &ServiceKey) -> bool {
        let branches = self.branches.get(trunk).cloned().unwrap_or_default();
        branches.iter().fold(false, |changed, branch| self.rebuild(branch) | changed)
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
