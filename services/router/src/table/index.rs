mod branches;
mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use deis_api::Hostname;
use deis_kube::objects::Drain;

use super::certificates::Certificates;
use super::facts::{Event, Service, Slice, Watch};
use super::hosts::rule;
use super::map::Map;
use super::snapshot::Snapshot;
use super::{Defaults, Route, ServiceKey, Settings, Table, defaults};
use crate::backend::Backend;
use read::{app_name, drain_text, read_drain, read_settings, wishes};

/// Makes the next table out of what the watches report. One change touches one app's route and hosts, however many apps there are.
///
/// Events may come in any order: slices before their Service, a pod's end before or after it leaves its slice.
#[derive(Debug, Default)]
pub struct Index {
    platform: Option<Hostname>,
    /// What holds where the operator has set nothing.
    chart: Defaults,
    defaults: Defaults,
    /// What the operator has set and can be obeyed.
    settings: BTreeMap<String, String>,
    services: Map<ServiceKey, Arc<Known>>,
    /// The slices of each Service.
    slices: Map<ServiceKey, Slices>,
    /// Whose a slice is, by namespace and name: a deletion does not say.
    owners: HashMap<(String, String), ServiceKey>,
    /// The Services whose slices name a pod.
    users: HashMap<String, Vec<ServiceKey>>,
    /// Pods that are not to be chosen any more although a slice may still name them.
    leaving: HashMap<String, Leaving>,
    /// The Services that name a host, the oldest first.
    claims: HashMap<Arc<str>, Vec<(i64, ServiceKey)>>,
    /// The Services that have paths of another one, by that one.
    branches: HashMap<ServiceKey, Vec<ServiceKey>>,
    certificates: Certificates,
    complete: Vec<Watch>,
    table: Table,
}

/// In order of their names, nearly always one: a tree would have room for eleven. What it shares with the snapshots that were made of it
/// is copied when it changes.
pub(super) type Slices = Arc<[Slice]>;

#[derive(Debug)]
pub(super) struct Known {
    pub(super) facts: Service,
    settings: Arc<Settings>,
    drain: Drain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// The pod is about to end.
    Ending,
    /// The pod is gone; remembered only until no slice names it.
    Gone,
}

impl Index {
    /// An empty index. Names without a dot are completed with the platform's domain.
    #[must_use]
    pub fn new(platform: Option<Hostname>, chart: Defaults) -> Self {
        let table = Table { trusted: Arc::clone(&chart.trusted), ..Table::default() };
        Self { platform, defaults: chart.clone(), chart, table, ..Self::default() }
    }

    /// The table as of the last event.
    #[must_use]
    pub fn table(&self) -> Table {
        self.table.clone()
    }

    /// Whether every watch has reported all there is at least once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        Watch::ALL.iter().all(|watch| self.complete.contains(watch))
    }

    /// What the operator has set, as far as it can be obeyed.
    #[must_use]
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// What the table is made from, to be kept on disk. Costs as little as a copy of the table.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            services: self.services.clone(),
            slices: self.slices.clone(),
            settings: self.settings.clone(),
            certificates: self.certificates.texts().clone(),
        }
    }

    /// Takes up one event; whether the table is another one now.
    pub fn apply(&mut self, event: Event) -> bool {
        match event {
            Event::Service(facts) => self.put_service(facts),
            Event::ServiceGone(key) => match self.services.remove(&key) {
                Some(known) => self.rebuild(&key) | self.graft(&key, Some(&known)) | self.tell_branches(&key),
                None => false,
            },
            Event::Slice(slice) => self.put_slice(slice),
            Event::SliceGone(namespace, name) => self.remove_slice(namespace, name),
            Event::Pod(uid, false) => self.leaving.remove(&uid).is_some() && self.rebuild_users(&uid),
            Event::Pod(uid, true) => self.leave(uid, Leaving::Ending),
            Event::PodGone(uid) if self.users.contains_key(&uid) => self.leave(uid, Leaving::Gone),
            Event::PodGone(uid) => {
                self.leaving.remove(&uid);
                false
            }
            Event::Settings(settings) => self.put_settings(settings),
            Event::Certificate(certificate) => self.certificates.put(certificate) && self.show_certificates(),
            Event::CertificateGone(secret) => self.certificates.remove(&secret) && self.show_certificates(),
            Event::Complete(watch) => {
                if !self.complete.contains(&watch) {
                    self.complete.push(watch);
                }
                false
            }
        }
    }

    fn put_service(&mut self, facts: Service) -> bool {
        let key = facts.key.clone();
        let known = self.services.get(&key).cloned();
        if known.as_ref().is_some_and(|known| known.facts == facts) {
            return false;
        }
        // What cannot be read is told when it is new, and a drain is written often.
        let settings = match &known {
            Some(known) if wishes(&known.facts).eq(wishes(&facts)) => Arc::clone(&known.settings),
            _ => Arc::new(read_settings(&facts, &self.defaults)),
        };
        let drain = match &known {
            Some(known) if drain_text(&known.facts) == drain_text(&facts) => known.drain.clone(),
            _ => read_drain(&facts),
        };
        let is_told = known.as_ref().is_none_or(|known| known.drain != drain);
        self.services.insert(key.clone(), Arc::new(Known { facts, settings, drain }));
        self.rebuild(&key) | self.graft(&key, known.as_ref()) | (is_told && self.tell_branches(&key))
    }

    fn show_certificates(&mut self) -> bool {
        self.table.certificates = self.certificates.keys().clone();
        self.table.broken_certificates = self.certificates.broken();
        true
    }

    /// The one event that touches every route: it comes when an operator changes something.
    fn put_settings(&mut self, settings: BTreeMap<String, String>) -> bool {
        let (settings, ignored) = defaults::accept(settings, &self.settings);
        let defaults = self.chart.with(&settings);
        let changed = defaults != self.defaults || ignored != self.table.ignored_settings;
        self.settings = settings;
        self.defaults = defaults;
        self.table.ignored_settings = ignored;
        if !changed {
            return false;
        }
        self.table.trusted = Arc::clone(&self.defaults.trusted);
        for known in self.services.values().cloned().collect::<Vec<_>>() {
            let key = known.facts.key.clone();
            let settings = Arc::new(read_settings(&known.facts, &self.defaults));
            let (facts, drain) = (known.facts.clone(), known.drain.clone());
            self.services.insert(key.clone(), Arc::new(Known { facts, settings, drain }));
            self.rebuild(&key);
        }
        true
    }

    fn put_slice(&mut self, slice: Slice) -> bool {
        let place = (slice.service.namespace.clone(), slice.name.clone());
        // A slice passed to another Service by hand is rare, and two changes.
        let moved = self.owners.get(&place).is_some_and(|owner| *owner != slice.service)
            && self.remove_slice(place.0.clone(), place.1.clone());
        let key = slice.service.clone();
        self.owners.insert(place, key.clone());
        for uid in pods(&slice) {
            put(self.users.entry(uid.clone()).or_default(), key.clone());
        }
        let mut slices = self.slices.get(&key).map(|slices| slices.to_vec()).unwrap_or_default();
        let before = match slices.binary_search_by(|known| known.name.cmp(&slice.name)) {
            Ok(at) => slices.get_mut(at).map(|known| mem::replace(known, slice)),
            Err(at) => {
                slices.insert(at, slice);
                None
            }
        };
        self.slices.insert(key.clone(), slices.into());
        before.iter().flat_map(pods).for_each(|uid| self.release(uid, &key));
        self.rebuild(&key) || moved
    }

    fn remove_slice(&mut self, namespace: String, name: String) -> bool {
        let Some(key) = self.owners.remove(&(namespace, name.clone())) else { return false };
        let Some(slices) = self.slices.get(&key) else { return false };
        let (before, left) = slices.iter().cloned().partition::<Vec<_>, _>(|slice| slice.name == name);
        if left.is_empty() {
            self.slices.remove(&key);
        } else {
            self.slices.insert(key.clone(), left.into());
        }
        before.iter().flat_map(pods).for_each(|uid| self.release(uid, &key));
        self.rebuild(&key)
    }

    /// Forgets that a Service uses a pod, unless one of its slices still names it.
    fn release(&mut self, uid: &String, key: &ServiceKey) {
        let named =
            self.slices.get(key).into_iter().flat_map(|slices| slices.iter()).flat_map(pods).any(|named| named == uid);
        if named {
            return;
        }
        let Some(users) = self.users.get_mut(uid) else { return };
        users.retain(|user| user != key);
        if users.is_empty() {
            self.users.remove(uid);
            if self.leaving.get(uid) == Some(&Leaving::Gone) {
                self.leaving.remove(uid);
            }
        }
    }

    fn leave(&mut self, uid: String, how: Leaving) -> bool {
        self.leaving.insert(uid.clone(), how).is_none() && self.rebuild_users(&uid)
    }

    fn rebuild_users(&mut self, uid: &str) -> bool {
        let users = self.users.get(uid).cloned().unwrap_or_default();
        let mut changed = false;
        for key in &users {
            changed |= self.rebuild(key);
        }
        changed
    }

    /// Makes the route of one Service anew; whether that changed anything.
    fn rebuild(&mut self, key: &ServiceKey) -> bool {
        let before = self.table.services.get(key).cloned();
        let after = self.services.get(key).map(|known| Arc::new(self.route(known, before.as_deref())));
        match (&before, &after) {
            (None, None) => return false,
            (Some(before), Some(after)) if before.serves_as(after) => return false,
            _ => {}
        }
        let named =
            |route: &Option<Arc<Route>>| route.iter().flat_map(|route| route.certificates.to_vec()).collect::<Vec<_>>();
        let (old, new) = (named(&before), named(&after));
        if old != new {
            self.certificates.rename(old.iter().map(|(_, secret)| secret), new.iter().map(|(_, secret)| secret));
            self.show_certificates();
        }
        for gone in before.iter().flat_map(|before| before.backends_not_in(after.as_deref())) {
            gone.retire();
        }
        let count = |route: &Option<Arc<Route>>| route.as_ref().map_or(0, |route| route.backends.len());
        self.table.backends = self.table.backends + count(&after) - count(&before);
        match &after {
            Some(route) => self.table.services.insert(key.clone(), Arc::clone(route)),
            None => self.table.services.remove(key),
        };
        self.settle_hosts(key, before.as_deref(), after.as_deref());
        true
    }

    fn route(&self, known: &Known, before: Option<&Route>) -> Route {
        let facts = &known.facts;
        let rules = known.settings.domains.iter().map(|domain| rule(domain, self.platform.as_ref()).into());
        let certificates = known.settings.certificates.iter();
        let certificates =
            certificates.map(|(domain, secret)| (rule(domain, self.platform.as_ref()).into(), secret.as_str().into()));
        let demand = before.map_or_else(Arc::default, |route| Arc::clone(&route.demand));
        // An address that stays keeps its connections.
        let known_backends = before.map(|route| route.backends.as_slice()).unwrap_or_default();
        let known_backends = known_backends.iter().map(|backend| ((backend.address(), backend.pod()), backend));
        let known_backends = known_backends.collect::<HashMap<_, _>>();
        let backends = self.endpoints(facts).into_iter().map(|(address, pod)| {
            match known_backends.get(&(address, pod.as_deref())) {
                Some(same) => Arc::clone(same),
                None => Arc::new(Backend::new(address, pod, Arc::clone(&demand))),
            }
        });
        let told = self.told(known).collect::<Vec<_>>();
        let is_leaving = |backend: &Arc<Backend>| {
            backend.pod().is_some_and(|pod| told.iter().any(|drain| drain.leaving.contains(pod)))
        };
        let (leaving, staying) = backends.partition::<Vec<_>, _>(is_leaving);
        let service = facts.address.map(|address| {
            let same = before.and_then(|route| route.service.as_ref()).filter(|backend| backend.address() == address);
            same.map_or_else(|| Arc::new(Backend::new(address, None, Arc::clone(&demand))), Arc::clone)
        });
        Route {
            key: facts.key.clone(),
            created: facts.created,
            app: app_name(facts).into(),
            settings: Arc::clone(&known.settings),
            staying: staying.len(),
            backends: [staying, leaving].concat(),
            epoch: known.drain.epoch,
            service,
            demand,
            certificates: certificates.collect(),
            rules: rules.collect(),
            branches: self.branches_of(&facts.key),
        }
    }

    /// The addresses that may be chosen, in order, each once.
    fn endpoints(&self, facts: &Service) -> BTreeSet<(SocketAddr, Option<String>)> {
        let slices = self.slices.get(&facts.key).into_iter().flat_map(|slices| slices.iter());
        let addresses =
            slices.filter_map(|slice| Some((*slice.ports.get(&facts.port)?, slice))).flat_map(|(port, slice)| {
                slice
                    .endpoints
                    .iter()
                    .map(move |endpoint| (SocketAddr::new(endpoint.ip, port), endpoint.pod_uid.clone()))
            });
        addresses.filter(|(_, pod)| !pod.as_ref().is_some_and(|pod| self.leaving.contains_key(pod))).collect()
    }

    /// Gives each host that the route names, or named, to the oldest Service that names it.
    fn settle_hosts(&mut self, key: &ServiceKey, before: Option<&Route>, after: Option<&Route>) {
        let rules = |route: Option<&Route>| route.map(|route| route.rules.clone()).unwrap_or_default();
        let (old, new) = (rules(before), rules(after));
        for rule in &old {
            if let Some(claims) = self.claims.get_mut(rule) {
                claims.retain(|(_, claimant)| claimant != key);
            }
        }
        for rule in &new {
            let created = after.map_or(0, |route| route.created);
            put(self.claims.entry(Arc::clone(rule)).or_default(), (created, key.clone()));
        }
        for rule in old.iter().chain(&new) {
            let owner = self.claims.get(rule).and_then(|claims| claims.first());
            let route = owner.and_then(|(_, owner)| self.table.services.get(owner)).cloned();
            match route {
                Some(route) => {
                    if route.key != *key && new.contains(rule) {
                        tracing::warn!(host = %rule, service = %key, owner = %route.key, "the host belongs to an older Service");
                    }
                    self.table.hosts.insert(Arc::clone(rule), route);
                }
                None => {
                    self.claims.remove(rule);
                    self.table.hosts.remove(rule);
                }
            }
        }
    }
}

/// Adds to an ordered set of few: a tree would have room for eleven.
fn put<T: Ord>(few: &mut Vec<T>, new: T) {
    if let Err(at) = few.binary_search(&new) {
        few.reserve_exact(1);
        few.insert(at, new);
    }
}

fn pods(slice: &Slice) -> impl Iterator<Item = &String> {
    slice.endpoints.iter().filter_map(|endpoint| endpoint.pod_uid.as_ref())
}

#[cfg(test)]
mod tests;
