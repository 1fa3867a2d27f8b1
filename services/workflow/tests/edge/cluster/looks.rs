//! What tests see of the cluster, and do to it.

use std::collections::{BTreeMap, BTreeSet};

use deis_api::rest::Autoscale;
use deis_api::{AppName, ProcType};
use deis_kube::objects::Routing;
use secrecy::ExposeSecret as _;

use super::{State, TestCluster};

impl TestCluster {
    /// A namespace that belongs to somebody else.
    pub(crate) fn add_foreign_namespace(&self, name: &str) {
        self.state.lock().foreign.insert(name.parse().unwrap());
    }

    /// What the routers are told of an app.
    pub(crate) fn routing(&self, app: &str) -> Option<Routing> {
        self.state.lock().routing.get(&app.parse().unwrap()).cloned()
    }

    /// The names that an app's Service has.
    pub(crate) fn domains(&self, app: &str) -> Vec<String> {
        let state = self.state.lock();
        state.routing[&app.parse().unwrap()].domains.iter().map(ToString::to_string).collect()
    }

    /// Which of an app's domains are served with which certificate: `www.example.com {digest}`. What its Service names is there.
    pub(crate) fn certificates(&self, app: &str) -> Vec<String> {
        let routing = self.routing(app).unwrap_or_default();
        routing.certificates.iter().map(|(domain, digest)| format!("{domain} {digest}")).collect()
    }

    /// The certificates that the routers read for an app, with the first line of the key's text behind its head.
    pub(crate) fn copies(&self, app: &str) -> Vec<String> {
        let state = self.state.lock();
        let of_app = state.certificates.iter().filter(|((owner, _), _)| owner.as_str() == app);
        of_app
            .map(|((_, digest), texts)| format!("{digest} {}", texts.key.expose_secret().lines().nth(1).unwrap()))
            .collect()
    }

    /// The pods that the routers are told not to choose.
    pub(crate) fn draining(&self, app: &str) -> BTreeSet<String> {
        self.state.lock().drains.get(&app.parse().unwrap()).map(|(drain, _)| drain.leaving.clone()).unwrap_or_default()
    }

    /// Whether an app's namespace lets its pods run as root.
    pub(crate) fn allows_root(&self, app: &str) -> bool {
        self.state.lock().allow_root[&app.parse().unwrap()]
    }

    /// The process types of an app that have a disruption budget.
    pub(crate) fn budgets(&self, app: &str) -> Vec<String> {
        let state = self.state.lock();
        let of_app = state.budgets.iter().filter(|(owner, _)| owner.as_str() == app);
        of_app.map(|(_, kind)| kind.to_string()).collect()
    }

    /// An app's autoscalers: `v2 web 2-8 75%`.
    pub(crate) fn autoscalers(&self, app: &str) -> Vec<String> {
        let state = self.state.lock();
        let of_app = state.autoscalers.iter().filter(|((owner, _), _)| owner.as_str() == app);
        let lines = of_app.map(|((_, kind), (release, Autoscale { min, max, cpu_percent }))| {
            format!("{release} {kind} {min}-{max} {cpu_percent}%")
        });
        lines.collect()
    }

    /// The autoscaler of web sets another number.
    pub(crate) fn autoscale(&self, app: &str, to: usize) {
        let mut state = self.state.lock();
        let (app, kind) = (app.parse::<AppName>().unwrap(), ProcType::web());
        let (release, _) = state.autoscalers[&(app.clone(), kind.clone())];
        let State { controllers, names, .. } = &mut *state;
        let running = controllers.get_mut(&(app.clone(), release, kind.clone())).unwrap();
        running.version += 1;
        running.pods.truncate(to);
        while running.pods.len() < to {
            *names += 1;
            running.pods.push(format!("{app}-{release}-{kind}-{names:05}"));
        }
        drop(state);
        self.touch();
    }

    /// From now on nothing can be written, and no node is there.
    pub(crate) fn break_down(&self) {
        self.state.lock().broken = true;
    }

    /// Slow pods become ready.
    pub(crate) fn let_slow_pods_go(&self) {
        self.state.lock().slow_may_go = true;
        self.touch();
    }

    /// Slow pods are not ready any more.
    pub(crate) fn hold_slow_pods(&self) {
        self.state.lock().slow_may_go = false;
    }

    /// Pods that are made from now on end as soon as they are started.
    pub(crate) fn crash_from_now_on(&self) {
        let mut state = self.state.lock();
        state.crashing_from = Some(state.names + 1);
    }

    /// No pod that there is now is ready any more.
    pub(crate) fn idle(&self) {
        let mut state = self.state.lock();
        state.idle = state.controllers.values().flat_map(|running| running.pods.clone()).collect();
    }

    /// Controllers with their replicas: `v2 web 1`.
    pub(crate) fn controllers(&self) -> Vec<String> {
        let state = self.state.lock();
        let lines = state
            .controllers
            .iter()
            .map(|((_, version, kind), running)| format!("{version} {kind} {}", running.pods.len()));
        lines.collect()
    }

    /// The names of an app's pods.
    pub(crate) fn pod_names(&self, app: &str) -> Vec<String> {
        let state = self.state.lock();
        let of_app = state.controllers.iter().filter(|((owner, _, _), _)| owner.as_str() == app);
        of_app.flat_map(|(_, running)| running.pods.clone()).collect()
    }

    pub(crate) fn environment(&self, app: &str, version: i64) -> BTreeMap<String, String> {
        let key = (app.parse().unwrap(), version.try_into().unwrap());
        self.state.lock().environments[&key].clone()
    }

    pub(crate) fn reports(&self) -> Vec<String> {
        self.state.lock().reports.clone()
    }

    /// From now on no namespace goes away.
    pub(crate) fn hold_namespaces(&self, why: &str) {
        self.state.lock().kept = Some(why.to_owned());
    }

    /// Whether a namespace was to go and could not.
    pub(crate) fn is_held_up(&self) -> bool {
        self.state.lock().held_up
    }

    pub(crate) fn let_namespaces_go(&self) {
        self.state.lock().kept = None;
        self.touch();
    }

    /// The releases whose command was run.
    pub(crate) fn phases(&self) -> Vec<String> {
        self.state.lock().phases.iter().map(|(app, phase)| format!("{app} {}", phase.version)).collect()
    }
}
