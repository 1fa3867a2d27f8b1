use std::collections::{BTreeMap, BTreeSet};

use deis_api::rest::Autoscale;
use deis_api::{ProcType, ReleaseVersion};
use deis_kube::apply::Seen;
use deis_kube::objects::Drain;

use crate::deploy::phase::{Phase, PhaseState};
use crate::deploy::world::{Autoscaler, Budget, Controller, Pod, Record, Served, Service, Trouble, World};

use super::Fate;

/// A process type of a release.
pub(super) type Key = (ReleaseVersion, ProcType);

/// What Kubernetes has of the app, as its API server knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kubernetes {
    pub(super) generation: u64,
    pub(super) namespace: Namespace,
    pub(super) service: Option<Stamped<Drain>>,
    /// The process types that have paths, by Services of their own.
    pub(super) paths: BTreeSet<ProcType>,
    /// The Secrets with releases' environments.
    pub(super) environments: BTreeMap<ReleaseVersion, Stamped<()>>,
    pub(super) controllers: BTreeMap<Key, Stamped<u32>>,
    /// The disruption budgets, and whether each is what it should be.
    pub(super) budgets: BTreeMap<ProcType, Stamped<bool>>,
    /// The autoscalers, each with the release whose controller it scales.
    pub(super) autoscalers: BTreeMap<ProcType, Stamped<(ReleaseVersion, Autoscale)>>,
    pub(super) pods: BTreeMap<u64, SimulatedPod>,
    pub(super) phases: BTreeMap<ReleaseVersion, Stamped<PhaseState>>,
    /// What a release's pods and its release command do.
    pub(super) fates: BTreeMap<ReleaseVersion, (Fate, PhaseState)>,
    pub(super) numbers: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Namespace {
    #[default]
    Absent,
    There,
    Going,
}

/// An object with what every write looks at.
#[derive(Clone, Debug)]
pub(super) struct Stamped<T> {
    pub(super) uid: u64,
    pub(super) version: u64,
    pub(super) fence: i64,
    pub(super) value: T,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedPod {
    pub(super) key: Key,
    pub(super) ready: bool,
    pub(super) trouble: Option<Trouble>,
    /// `controller.kubernetes.io/pod-deletion-cost`.
    pub(super) cost: i64,
    /// It broke and has not mended.
    pub(super) is_lame: bool,
    /// It broke once: who looks seldom need not have noticed, nor that routers do not have it for a moment.
    pub(super) broke: bool,
    pub(super) port: u16,
}

/// Something that Kubernetes does by itself.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Make(Key, u16),
    Delete(u64),
    /// A pod gets as far as its release lets it.
    Advance(u64),
    EndPhase(ReleaseVersion),
    /// The namespace is gone with all that is in it.
    Vanish,
}

pub(super) fn uid(number: u64) -> String {
    format!("u{number}")
}

pub(super) fn name((version, kind): &Key, number: u64) -> String {
    format!("a-{version}-{kind}-{number}")
}

impl<T> Stamped<T> {
    fn seen(&self, name: String) -> Seen {
        let (uid, resource_version) = (uid(self.uid), self.version.to_string());
        Seen { name, uid, resource_version, fence: self.fence }
    }

    pub(super) fn is(&self, seen: &Seen) -> bool {
        uid(self.uid) == seen.uid && self.version.to_string() == seen.resource_version
    }
}

impl Kubernetes {
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn stamped<T>(&mut self, value: T, fence: i64) -> Stamped<T> {
        let number = self.number();
        Stamped { uid: number, version: number, fence, value }
    }

    /// Whether the routers send to pods of a process type.
    fn routes(&self, kind: &ProcType) -> bool {
        *kind == ProcType::web() || self.paths.contains(kind)
    }

    pub(super) fn sends_to(&self, pod: &SimulatedPod) -> bool {
        pod.ready && self.routes(&pod.key.1)
    }

    pub(super) fn leaving(&self) -> Option<&BTreeSet<String>> {
        self.service.as_ref().map(|service| &service.value.leaving)
    }

    /// What can happen next, in the order of a cluster that does everything at once.
    pub(super) fn happenings(&self, ports: &BTreeMap<ReleaseVersion, u16>) -> Vec<Happening> {
        if self.namespace == Namespace::Going {
            return vec![Happening::Vanish];
        }
        let mut happenings = Vec::new();
        for (key, controller) in &self.controllers {
            let mut pods = self.pods.iter().filter(|(_, pod)| pod.key == *key).collect::<Vec<_>>();
            let replicas = controller.value as usize;
            if pods.len() < replicas && self.environments.contains_key(&key.0) {
                happenings.push(Happening::Make(key.clone(), ports.get(&key.0).copied().unwrap_or_default()));
            }
            if pods.len() > replicas {
                // As the controller manager ranks them: those that are not ready, then the cheapest, then the youngest.
                pods.sort_by_key(|(number, pod)| (pod.ready, pod.cost, u64::MAX - **number));
                happenings.push(Happening::Delete(*pods[0].0));
            }
        }
        for (number, pod) in &self.pods {
            if !self.controllers.contains_key(&pod.key) {
                happenings.push(Happening::Delete(*number));
            } else if !pod.ready && !pod.is_lame && self.advanced(pod).is_some() {
                happenings.push(Happening::Advance(*number));
            }
        }
        // A pod whose environment is not there does not start.
        let running = self.phases.iter().filter(|(_, phase)| phase.value == PhaseState::Running(None));
        let running = running.filter(|(version, _)| self.environments.contains_key(version));
        happenings.extend(running.map(|(version, _)| Happening::EndPhase(*version)));
        happenings
    }

    /// A pod as it is next; nothing when it stays as it is.
    pub(super) fn advanced(&self, pod: &SimulatedPod) -> Option<SimulatedPod> {
        let (fate, _) = self.fates.get(&pod.key.0)?;
        let next = match fate {
            Fate::Serves => SimulatedPod { ready: true, trouble: None, ..pod.clone() },
            Fate::NeverReady => return None,
            Fate::Fails(trouble) => SimulatedPod { trouble: Some(trouble.clone()), ..pod.clone() },
        };
        (next.ready != pod.ready || next.trouble != pod.trouble).then_some(next)
    }

    /// A pod's controller notes in its status that one is ready, or not any more.
    pub(super) fn note(&mut self, key: &Key) {
        let number = self.number();
        if let Some(controller) = self.controllers.get_mut(key) {
            controller.version = number;
        }
    }
}

/// What one process has been told by its watches, each at its own pace.
#[derive(Clone, Debug)]
pub(super) struct View<K> {
    pub(super) generation: u64,
    pub(super) controllers: K,
    pub(super) pods: K,
    pub(super) services: K,
    /// Of what is said about process types, of whatever release.
    pub(super) policies: K,
}

impl<K: std::ops::Deref<Target = Kubernetes>> View<K> {
    pub(super) fn world(&self, served: &Served, reachable: &BTreeSet<String>) -> World {
        let service = self.services.service.as_ref();
        let service =
            service.map(|service| Service { seen: service.seen("a".to_owned()), drain: service.value.clone() });
        let draining = |uid: &str| service.as_ref().is_some_and(|service| service.drain.leaving.contains(uid));
        let controllers = self.controllers.controllers.iter().map(|(key, controller)| {
            let pods = self.pods.pods.iter().filter(|(_, pod)| pod.key == *key).map(|(number, pod)| {
                let uid = uid(*number);
                Pod {
                    name: name(key, *number),
                    ready: pod.ready,
                    routed: self.services.routes(&key.1),
                    reachable: !served.contains(&key.1) || reachable.contains(&uid),
                    draining: draining(&uid),
                    trouble: pod.trouble.clone(),
                    record: Record::default(),
                    uid,
                }
            });
            Controller {
                seen: controller.seen(format!("a-{}-{}", key.0, key.1)),
                version: key.0,
                proc_type: key.1.clone(),
                replicas: controller.value,
                pods: pods.collect(),
                refusal: None,
            }
        });
        let budgets = self.policies.budgets.iter().map(|(kind, budget)| Budget {
            seen: budget.seen(format!("a-{kind}")),
            proc_type: kind.clone(),
            is_right: budget.value,
        });
        let autoscalers = self.policies.autoscalers.iter().map(|(kind, autoscaler)| Autoscaler {
            seen: autoscaler.seen(format!("a-{kind}")),
            proc_type: kind.clone(),
            scales: Some(autoscaler.value),
        });
        let phases = self.pods.phases.iter().map(|(version, phase)| {
            let pod = format!("a-{version}-release");
            Phase { version: *version, pod, state: phase.value.clone() }
        });
        World {
            generation: self.generation,
            controllers: controllers.collect(),
            phases: phases.collect(),
            service: service.clone(),
            budgets: budgets.collect(),
            autoscalers: autoscalers.collect(),
            leaving: 0,
        }
    }
}
