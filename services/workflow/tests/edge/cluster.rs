//! A cluster in memory whose pods are ready at once, unless their image says otherwise.

mod looks;
mod processes;
mod runs;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deis_api::rest::Autoscale;
use deis_api::{AppName, CertificateDigest, ProcType, ReleaseVersion};
use deis_kube::apply::Seen;
use deis_kube::objects::Drain;
use deis_kube::objects::Routing;
use deis_workflow::configs::tags::Tags;
use deis_workflow::deploy::cluster::Done;
use deis_workflow::deploy::phase::{Phase, PhaseState};
use deis_workflow::deploy::world::{Autoscaler, Budget, Controller, Pod, Record, Served, Service, Trouble, World};
use deis_workflow::deploy::{Assignment, Cluster, Demolition, EffectError, Failure, Grant};
use deis_workflow::ledger::CertificateTexts;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::watch;

/// An image of this digest ends as soon as it is started.
pub(crate) const CRASHING: &str = "dead";
/// Pods of an image of this digest do not become ready before the test says so.
pub(crate) const SLOW: &str = "beef";

#[derive(Default)]
pub(crate) struct TestCluster {
    state: Mutex<State>,
    generation: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    foreign: BTreeSet<AppName>,
    broken: bool,
    names: u64,
    slow_may_go: bool,
    crashing_from: Option<u64>,
    idle: BTreeSet<String>,
    controllers: BTreeMap<(AppName, ReleaseVersion, ProcType), Running>,
    /// What pods run with, by release.
    environments: BTreeMap<(AppName, ReleaseVersion), BTreeMap<String, String>>,
    budgets: BTreeSet<(AppName, ProcType)>,
    /// With the release whose controller each scales.
    autoscalers: BTreeMap<(AppName, ProcType), (ReleaseVersion, Autoscale)>,
    reports: Vec<String>,
    allow_root: BTreeMap<AppName, bool>,
    routing: BTreeMap<AppName, Routing>,
    /// What the routers read.
    certificates: BTreeMap<(AppName, CertificateDigest), CertificateTexts>,
    /// What Services say, with the fence it was written under.
    drains: BTreeMap<AppName, (Drain, i64)>,
    /// What keeps namespaces from going away, and whether that was noticed.
    kept: Option<String>,
    held_up: bool,
    phases: Vec<(AppName, Phase)>,
    /// Commands that run once, by the names of their pods.
    runs: BTreeMap<(AppName, String), runs::Run>,
    refuses_runs: Option<String>,
    /// Connections that the test has not taken yet.
    processes: Vec<processes::Process>,
}

struct Running {
    image: String,
    version: u64,
    fence: i64,
    pods: Vec<String>,
}

impl TestCluster {
    /// Waits until the cluster is like this.
    pub(crate) async fn eventually(&self, is_so: impl Fn(&Self) -> bool) {
        let mut generation = self.generation.subscribe();
        while !is_so(self) {
            generation.changed().await.unwrap();
        }
    }

    fn touch(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    fn write(&self, change: impl FnOnce(&mut State) -> Result<(), EffectError>) -> Done<'_> {
        let mut state = self.state.lock();
        let done = if state.broken {
            Err(EffectError::Unavailable("Kubernetes cannot be reached, trying again.".to_owned()))
        } else {
            change(&mut state)
        };
        drop(state);
        self.touch();
        Box::pin(async move { done })
    }
}

impl Cluster for TestCluster {
    fn has_foreign_namespace<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<bool, EffectError>> {
        let found = self.state.lock().foreign.contains(app);
        Box::pin(async move { Ok(found) })
    }

    fn has_node<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Result<bool, EffectError>> {
        let has_all = tags.iter().all(|(key, value)| key == "disk" && value == "ssd") && !self.state.lock().broken;
        Box::pin(async move { Ok(has_all) })
    }

    fn certify<'a>(&'a self, grant: &'a Grant, certificates: &'a [CertificateTexts]) -> Done<'a> {
        self.write(|state| {
            for texts in certificates {
                state.certificates.insert((grant.app.clone(), texts.digest.clone()), texts.clone());
            }
            Ok(())
        })
    }

    fn furnish<'a>(&'a self, app: &'a AppName, routing: &'a Routing, allow_root: bool, _fence: i64) -> Done<'a> {
        self.write(|state| {
            let mut named = routing.certificates.values();
            let are_there = named.all(|digest| state.certificates.contains_key(&(app.clone(), digest.clone())));
            assert!(are_there, "the Service names certificates that are not there: {routing:?}");
            state.routing.insert(app.clone(), routing.clone());
            state.allow_root.insert(app.clone(), allow_root);
            Ok(())
        })
    }

    fn equip<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        self.write(|state| {
            let key = (grant.app.clone(), assignment.release);
            state.environments.insert(key, assignment.environment());
            Ok(())
        })
    }

    fn start_phase<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        self.write(|state| {
            let failing = assignment.image.as_ref().unwrap().ends_with(CRASHING);
            let phase = Phase {
                version: assignment.release,
                pod: format!("{}-{}-release", grant.app, assignment.release),
                state: if failing { PhaseState::Failed(Some(1)) } else { PhaseState::Succeeded },
            };
            state.phases.push((grant.app.clone(), phase));
            Ok(())
        })
    }

    fn create<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a> {
        self.write(|state| {
            let key = (grant.app.clone(), assignment.release, proc_type.clone());
            let image = assignment.image.clone().unwrap();
            let running = Running { image, version: 0, fence: grant.fence, pods: Vec::new() };
            state.controllers.try_insert_new(key, running)
        })
    }

    fn drain<'a>(&'a self, grant: &'a Grant, service: &'a Service, drain: &'a Drain) -> Done<'a> {
        self.write(|state| {
            let (current, fence) = state.drains.entry(grant.app.clone()).or_default();
            if current.epoch.to_string() != service.seen.resource_version || *fence > grant.fence {
                return Err(EffectError::Changed);
            }
            (*current, *fence) = (drain.clone(), grant.fence);
            Ok(())
        })
    }

    fn resize<'a>(&'a self, grant: &'a Grant, controller: &'a Controller, to: u32, leaving: &'a [&'a Pod]) -> Done<'a> {
        self.write(|state| {
            let key = (grant.app.clone(), controller.version, controller.proc_type.clone());
            let running = state.controllers.get_mut(&key).ok_or(EffectError::Changed)?;
            if running.version.to_string() != controller.seen.resource_version || running.fence > grant.fence {
                return Err(EffectError::Changed);
            }
            let told = state.drains.get(&grant.app).map(|(drain, _)| &drain.leaving);
            for pod in leaving.iter().filter(|pod| pod.gets_requests()) {
                assert!(told.is_some_and(|told| told.contains(&pod.uid)), "no router was told of {pod:?}");
            }
            running.version += 1;
            running.fence = grant.fence;
            running.pods.retain(|pod| !leaving.iter().any(|leaving| leaving.name == *pod));
            while running.pods.len() < to as usize {
                state.names += 1;
                running.pods.push(format!("{}-{:05}", controller.seen.name, state.names));
            }
            Ok(())
        })
    }

    fn replace<'a>(&'a self, grant: &'a Grant, leaving: &'a [&'a Pod]) -> Done<'a> {
        self.write(|state| {
            let State { controllers, names, .. } = state;
            for ((app, version, kind), running) in controllers.iter_mut() {
                for pod in running.pods.iter_mut().filter(|pod| leaving.iter().any(|leaving| leaving.name == **pod)) {
                    *names += 1;
                    *pod = format!("{app}-{version}-{kind}-{names:05}");
                }
                assert_eq!(*app, grant.app);
            }
            Ok(())
        })
    }

    fn protect<'a>(&'a self, grant: &'a Grant, proc_type: &'a ProcType) -> Done<'a> {
        self.write(|state| {
            state.budgets.insert((grant.app.clone(), proc_type.clone()));
            Ok(())
        })
    }

    fn unprotect<'a>(&'a self, grant: &'a Grant, budget: &'a Budget) -> Done<'a> {
        self.write(|state| {
            state.budgets.remove(&(grant.app.clone(), budget.proc_type.clone()));
            Ok(())
        })
    }

    fn take_back<'a>(&'a self, grant: &'a Grant, autoscaler: &'a Autoscaler) -> Done<'a> {
        self.write(|state| {
            state.autoscalers.remove(&(grant.app.clone(), autoscaler.proc_type.clone()));
            Ok(())
        })
    }

    fn hand_over<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a> {
        self.write(|state| {
            let scales = (assignment.release, assignment.autoscale[proc_type]);
            state.autoscalers.insert((grant.app.clone(), proc_type.clone()), scales);
            Ok(())
        })
    }

    fn delete<'a>(&'a self, grant: &'a Grant, controller: &'a Controller) -> Done<'a> {
        self.write(|state| {
            let key = (grant.app.clone(), controller.version, controller.proc_type.clone());
            state.controllers.remove(&key).map(drop).ok_or(EffectError::Changed)
        })
    }

    fn demolish<'a>(
        &'a self,
        app: &'a AppName,
        _fence: i64,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Demolition, EffectError>> {
        Box::pin(async move {
            let mut generation = self.generation.subscribe();
            let kept = {
                let mut state = self.state.lock();
                state.controllers.retain(|(owner, _, _), _| owner != app);
                state.budgets.retain(|(owner, _)| owner != app);
                state.autoscalers.retain(|(owner, _), _| owner != app);
                state.drains.remove(app);
                state.certificates.retain(|(owner, _), _| owner != app);
                state.runs.retain(|(owner, _), _| owner != app);
                state.held_up |= state.kept.is_some();
                state.kept.clone()
            };
            self.touch();
            let Some(why) = kept else { return Ok(Demolition::Gone) };
            let gone = generation.wait_for(|_| self.state.lock().kept.is_none());
            match deis_bootstrap::deadline(limit, gone).await {
                Ok(_) => Ok(Demolition::Gone),
                Err(_) => Ok(Demolition::Remains(why)),
            }
        })
    }

    fn tidy<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a> {
        self.write(|state| {
            let wanted = assignment.routing.certificates.values().collect::<BTreeSet<_>>();
            state.certificates.retain(|(app, digest), _| *app != grant.app || wanted.contains(digest));
            Ok(())
        })
    }

    fn report<'a>(&'a self, app: &'a AppName, failure: &'a Failure) -> BoxFuture<'a, ()> {
        self.state.lock().reports.push(format!("{app}: {}", failure.code));
        Box::pin(async {})
    }

    fn observe(&self, app: &AppName, _served: &Served, _reachable: &BTreeSet<String>) -> World {
        let state = self.state.lock();
        let (drain, fence) = state.drains.get(app).cloned().unwrap_or_default();
        let ours = state.controllers.iter().filter(|((owner, _, _), _)| owner == app);
        let controllers = ours.map(|((_, version, kind), running)| {
            let crashes = |name: &str| {
                let number = name.rsplit('-').next().unwrap().parse::<u64>().unwrap();
                running.image.ends_with(CRASHING) || state.crashing_from.is_some_and(|first| number >= first)
            };
            let has_paths = state.routing.get(app).is_some_and(|routing| routing.rules.services.contains_key(kind));
            let slow = running.image.ends_with(SLOW) && !state.slow_may_go;
            let pods = running.pods.iter().map(|name| Pod {
                name: name.clone(),
                uid: name.clone(),
                ready: !crashes(name) && !slow && !state.idle.contains(name),
                routed: *kind == ProcType::web() || has_paths,
                reachable: true,
                draining: drain.leaving.contains(name),
                trouble: crashes(name).then_some(Trouble::Exited { code: 1, times: 2, after: Some(3) }),
                record: Record::default(),
            });
            Controller {
                seen: Seen {
                    name: format!("{app}-{version}-{kind}"),
                    uid: format!("{app}-{version}-{kind}"),
                    resource_version: running.version.to_string(),
                    fence: running.fence,
                },
                version: *version,
                proc_type: kind.clone(),
                replicas: u32::try_from(running.pods.len()).unwrap(),
                pods: pods.collect(),
                refusal: None,
            }
        });
        let phases = state.phases.iter().filter(|(owner, _)| owner == app).map(|(_, phase)| phase.clone()).collect();
        let controllers = controllers.collect();
        let (name, resource_version) = (app.to_string(), drain.epoch.to_string());
        let seen = Seen { uid: name.clone(), name, resource_version, fence };
        let service = state.routing.contains_key(app).then_some(Service { seen, drain });
        let budgets = state.budgets.iter().filter(|(owner, _)| owner == app).map(|(_, kind)| {
            let (name, resource_version) = (format!("{app}-{kind}"), "1".to_owned());
            let seen = Seen { uid: name.clone(), name, resource_version, fence: 0 };
            Budget { seen, proc_type: kind.clone(), is_right: true }
        });
        let autoscalers = state.autoscalers.iter().filter(|((owner, _), _)| owner == app).map(|((_, kind), scales)| {
            let (name, resource_version) = (format!("{app}-{kind}"), "1".to_owned());
            let seen = Seen { uid: name.clone(), name, resource_version, fence: 0 };
            Autoscaler { seen, proc_type: kind.clone(), scales: Some(*scales) }
        });
        let autoscalers = autoscalers.collect();
        let (generation, budgets) = (*self.generation.borrow(), budgets.collect());
        World { generation, controllers, phases, service, budgets, autoscalers, leaving: 0 }
    }

    fn changed<'a>(&'a self, _app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut generation = self.generation.subscribe();
            let changed = generation.wait_for(|generation| *generation > since);
            drop(deis_bootstrap::deadline(limit, changed).await.ok());
        })
    }

    fn log_tail<'a>(&'a self, _app: &'a AppName, _pod: &'a str) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async { vec!["panic: no database".to_owned()] })
    }
}

trait InsertNew<K, V> {
    fn try_insert_new(&mut self, key: K, value: V) -> Result<(), EffectError>;
}

impl<K: Ord, V> InsertNew<K, V> for BTreeMap<K, V> {
    fn try_insert_new(&mut self, key: K, value: V) -> Result<(), EffectError> {
        if self.contains_key(&key) {
            return Err(EffectError::Changed);
        }
        self.insert(key, value);
        Ok(())
    }
}
