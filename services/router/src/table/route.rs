use std::collections::HashSet;
use std::sync::Arc;

use deis_kube::paths::PathPattern;

use super::{ServiceKey, Settings};
use crate::backend::{self, Backend, Choice, Tried};
use crate::demand::Demand;
use crate::explain::Standing;

/// How one Service is served.
#[derive(Clone, Debug)]
pub struct Route {
    /// Which Service.
    pub key: ServiceKey,
    /// When it was made, in seconds since 1970.
    pub(super) created: i64,
    /// The app's name in logs: its own, with the namespace before it where that differs.
    pub app: Arc<str>,
    /// What its annotations ask for.
    pub settings: Arc<Settings>,
    /// The addresses of its ready pods: those that stay, then those that are about to be deleted, both in order.
    pub backends: Vec<Arc<Backend>>,
    /// How many of them stay.
    pub(super) staying: usize,
    /// The epoch of the annotation that says which ones do.
    pub epoch: i64,
    /// Its own address, for times when pod addresses cannot be trusted.
    pub service: Option<Arc<Backend>>,
    /// What its requests share.
    pub(crate) demand: Arc<Demand>,
    /// The Secrets with the certificates of some of its domains, by the rules of these.
    pub(super) certificates: Box<[(Arc<str>, Arc<str>)]>,
    /// The rules under which the table may hold it.
    pub(super) rules: Vec<Arc<str>>,
    /// The Services that have some of its paths, those with the longest pattern first.
    pub(super) branches: Box<[Branch]>,
}

/// A Service that has paths of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) pattern: PathPattern,
    pub(super) key: ServiceKey,
}

impl Route {
    /// Chooses for the next request, but not what it has `tried`. Pods that are about to be deleted are chosen when
    /// there is nothing else.
    pub(crate) fn choose(&self, tried: Option<&Tried>) -> Choice {
        backend::choose(&self.backends, self.staying, self.settings.connections, tried)
    }

    /// The pods, with how each is chosen.
    pub(crate) fn standings(&self) -> impl Iterator<Item = (Arc<Backend>, Standing)> {
        self.backends.iter().enumerate().map(|(at, backend)| {
            let standing = if backend.is_ejected() {
                Standing::Ejected
            } else if at < self.staying {
                Standing::Ready
            } else {
                Standing::Leaving
            };
            (Arc::clone(backend), standing)
        })
    }

    /// Whether a pod that is not ejected has a place.
    pub(crate) fn has_room(&self) -> bool {
        let mut staying = self.backends.iter().take(self.staying);
        staying.any(|backend| !backend.is_ejected() && backend.in_flight() < self.settings.connections)
    }

    /// The Service that has this path instead.
    pub(super) fn branch(&self, path: &str) -> Option<&ServiceKey> {
        self.branches.iter().find(|branch| branch.pattern.matches(path)).map(|branch| &branch.key)
    }

    /// The patterns of paths that others have, with whose they are.
    pub(crate) fn branches(&self) -> impl Iterator<Item = (&PathPattern, &ServiceKey)> {
        self.branches.iter().map(|branch| (&branch.pattern, &branch.key))
    }

    /// The Secret with the certificate of the domain under this rule.
    pub(super) fn certificate(&self, rule: &str) -> Option<&Arc<str>> {
        self.certificates.iter().find(|(certified, _)| **certified == *rule).map(|(_, secret)| secret)
    }

    /// The addresses that the next route has no more.
    pub(super) fn backends_not_in(&self, after: Option<&Self>) -> impl Iterator<Item = &Arc<Backend>> {
        let addresses =
            |route: &Self| route.backends.iter().chain(&route.service).map(Arc::as_ptr).collect::<HashSet<_>>();
        let stay = after.map(addresses).unwrap_or_default();
        self.backends.iter().chain(&self.service).filter(move |backend| !stay.contains(&Arc::as_ptr(backend)))
    }

    /// Whether serving by one or the other makes no difference.
    pub(super) fn serves_as(&self, other: &Self) -> bool {
        let same = |a: &Arc<Backend>, b: &Arc<Backend>| Arc::ptr_eq(a, b);
        let same_service = match (&self.service, &other.service) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        self.settings == other.settings
            && self.created == other.created
            && self.app == other.app
            && self.rules == other.rules
            && self.branches == other.branches
            && self.epoch == other.epoch
            && self.staying == other.staying
            && same_service
            && self.backends.len() == other.backends.len()
            && self.backends.iter().zip(&other.backends).all(|(a, b)| same(a, b))
    }
}
