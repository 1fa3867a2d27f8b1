//! Worlds for tests. [`Simulation`] is what single steps need: an app's controllers, a controller manager and kubelets that do their
//! work when told to. [`universe`] has the ledger, the routers and whole processes besides, which die, lag behind and overtake each
//! other: [`pairs`] and [`histories`] put the reconciler through all that can happen to it, and [`checker`] looks.

mod calm;
mod checker;
mod found;
mod histories;
mod kubernetes;
mod ledger;
mod life;
mod pairs;
mod policies;
mod process;
mod reads;
mod universe;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use deis_api::{ProcType, ReleaseVersion};
use deis_kube::apply::Seen;
use deis_kube::objects::Drain;

use super::plan::Action;
use super::world::{Budget, Controller, Pod, Record, Service, Trouble, World};

/// What a release's pods do once they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Serves,
    NeverReady,
    Fails(Trouble),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Simulation {
    pub(super) controllers: BTreeMap<(ReleaseVersion, ProcType), SimulatedController>,
    pub(super) fates: BTreeMap<ReleaseVersion, Fate>,
    /// What the app's Service says.
    pub(super) drain: Drain,
    /// The process types beside web that the routers send to.
    pub(super) paths: BTreeSet<ProcType>,
    /// The process types that have a disruption budget.
    pub(super) budgets: BTreeSet<ProcType>,
    /// The controller manager takes its time to delete pods.
    pub(super) is_slow: bool,
    clock: u64,
    names: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct SimulatedController {
    pub(super) replicas: u32,
    pub(super) pods: Vec<Pod>,
    /// The names of those that are to be deleted.
    going: BTreeSet<String>,
    fence: i64,
    version: u64,
}

impl Simulation {
    /// A release that is deployed already.
    pub(super) fn serving(release: ReleaseVersion, processes: &BTreeMap<ProcType, u32>) -> Self {
        let mut simulation = Self::default();
        for (proc_type, replicas) in processes {
            simulation.create(release, proc_type, 0);
            simulation.set(release, proc_type, *replicas, &[], 0);
            if *replicas > 0 {
                simulation.budgets.insert(proc_type.clone());
            }
        }
        while simulation.tick() {}
        for controller in simulation.controllers.values_mut() {
            controller.pods.iter_mut().for_each(|pod| pod.reachable = true);
        }
        simulation
    }

    pub(super) fn world(&self, reachable: &BTreeSet<String>) -> World {
        let controllers = self.controllers.iter().map(|((version, proc_type), controller)| Controller {
            seen: Seen {
                name: format!("a-{version}-{proc_type}"),
                uid: format!("{version}-{proc_type}"),
                resource_version: controller.version.to_string(),
                fence: controller.fence,
            },
            version: *version,
            proc_type: proc_type.clone(),
            replicas: controller.replicas,
            pods: controller
                .pods
                .iter()
                .map(|pod| Pod {
                    reachable: pod.reachable || reachable.contains(&pod.uid),
                    draining: self.drain.leaving.contains(&pod.uid),
                    ..pod.clone()
                })
                .collect(),
            refusal: None,
        });
        let seen = Seen {
            name: "a".to_owned(),
            uid: "service".to_owned(),
            resource_version: self.drain.epoch.to_string(),
            fence: 0,
        };
        let service = Some(Service { seen, drain: self.drain.clone() });
        let budgets = self.budgets.iter().map(|proc_type| Budget {
            seen: Seen {
                name: format!("a-{proc_type}"),
                uid: String::new(),
                resource_version: String::new(),
                fence: 0,
            },
            proc_type: proc_type.clone(),
            is_right: true,
        });
        World {
            generation: self.clock,
            controllers: controllers.collect(),
            service,
            budgets: budgets.collect(),
            ..World::default()
        }
    }

    /// Says which pods are about to go.
    pub(super) fn drain(&mut self, drain: &Drain) {
        self.clock += 1;
        assert!(drain.epoch > self.drain.epoch, "an epoch is used again: {drain}");
        self.drain = drain.clone();
    }

    pub(super) fn protect(&mut self, proc_type: &ProcType) {
        self.clock += 1;
        assert!(self.budgets.insert(proc_type.clone()), "protected twice");
    }

    /// Nothing that it covers is left.
    pub(super) fn unprotect(&mut self, proc_type: &ProcType) {
        self.clock += 1;
        assert!(self.budgets.remove(proc_type), "no budget");
        let covered = self.controllers.iter().filter(|((_, kind), _)| kind == proc_type);
        assert!(covered.into_iter().all(|(_, controller)| controller.replicas == 0), "{proc_type} is still there");
    }

    pub(super) fn create(&mut self, release: ReleaseVersion, proc_type: &ProcType, fence: i64) {
        self.clock += 1;
        let controller = SimulatedController { fence, version: self.clock, ..SimulatedController::default() };
        let before = self.controllers.insert((release, proc_type.clone()), controller);
        assert!(before.is_none(), "created twice");
    }

    /// Sets the replicas; of a shrinking controller the pods that leave go at once, unless the controller manager is slow.
    pub(super) fn set(
        &mut self,
        release: ReleaseVersion,
        proc_type: &ProcType,
        to: u32,
        leaving: &[String],
        fence: i64,
    ) {
        self.clock += 1;
        let controller = self.controllers.get_mut(&(release, proc_type.clone())).expect("a controller that exists");
        controller.replicas = to;
        controller.version = self.clock;
        controller.fence = fence;
        controller.going = leaving.iter().cloned().collect();
        let going = controller.pods.iter().filter(|pod| controller.going.contains(&pod.name));
        for pod in going.clone().filter(|pod| pod.gets_requests()) {
            assert!(self.drain.leaving.contains(&pod.uid), "no router was told of {pod:?}");
        }
        assert!(controller.pods.len() <= to as usize + going.count(), "more pods than replicas: {controller:?}");
        if !self.is_slow {
            let SimulatedController { pods, going, .. } = controller;
            pods.retain(|pod| !going.remove(&pod.name));
        }
    }

    /// Pods are deleted; their controller is to make new ones.
    pub(super) fn replace(&mut self, release: ReleaseVersion, proc_type: &ProcType, pods: &[String]) {
        self.clock += 1;
        let controller = self.controllers.get_mut(&(release, proc_type.clone())).expect("a controller that exists");
        controller.pods.retain(|pod| !pods.contains(&pod.name));
    }

    pub(super) fn delete(&mut self, release: ReleaseVersion, proc_type: &ProcType) {
        self.clock += 1;
        let gone = self.controllers.remove(&(release, proc_type.clone())).expect("a controller that exists");
        assert_eq!(gone.replicas, 0, "deleted while it had replicas");
        assert!(gone.pods.is_empty(), "deleted while it had pods: {gone:?}");
    }

    pub(super) fn take(&mut self, goal: ReleaseVersion, action: &Action<'_>) {
        match action {
            Action::Create(proc_type) => self.create(goal, proc_type, 0),
            Action::Grow(controller, to) => self.set(controller.version, &controller.proc_type, *to, &[], 0),
            Action::Shrink(controller, to, leaving) => {
                let leaving = leaving.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>();
                self.set(controller.version, &controller.proc_type, *to, &leaving, 0);
            }
            Action::Replace(controller, pods) => {
                let names = pods.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>();
                self.replace(controller.version, &controller.proc_type, &names);
            }
            Action::Drain(_, drain) => self.drain(drain),
            Action::Protect(proc_type) => self.protect(proc_type),
            Action::Unprotect(budget) => self.unprotect(&budget.proc_type),
            Action::TakeBack(_) | Action::Hold(..) | Action::Entrust(_) | Action::HandOver(_) => {
                panic!("nothing is autoscaled here: {action:?}")
            }
            Action::Delete(controller) => self.delete(controller.version, &controller.proc_type),
        }
    }

    /// One thing happens: a missing pod is made, or a pod gets as far as its release lets it. False when all is quiet.
    pub(super) fn tick(&mut self) -> bool {
        self.tick_at(0)
    }

    /// The same, beginning with another controller, so that tests can vary the order.
    pub(super) fn tick_at(&mut self, offset: usize) -> bool {
        let keys = self.controllers.keys().cloned().collect::<Vec<_>>();
        let order = (0..keys.len()).map(|index| &keys[(index + offset) % keys.len()]);
        let happened = order.into_iter().any(|key| self.tick_controller(key));
        self.clock += u64::from(happened);
        happened
    }

    fn tick_controller(&mut self, key: &(ReleaseVersion, ProcType)) -> bool {
        let fate = self.fates.get(&key.0).cloned().unwrap_or(Fate::Serves);
        let controller = self.controllers.get_mut(key).expect("a controller that exists");
        if let Some(at) = controller.pods.iter().position(|pod| controller.going.contains(&pod.name)) {
            let gone = controller.pods.remove(at);
            return controller.going.remove(&gone.name);
        }
        if controller.pods.len() < controller.replicas as usize {
            self.names += 1;
            let name = format!("a-{}-{}-{}", key.0, key.1, self.names);
            let uid = format!("uid-{}", self.names);
            let routed = key.1 == ProcType::web() || self.paths.contains(&key.1);
            let record = Record::default();
            let pod = Pod { name, uid, ready: false, routed, reachable: false, draining: false, trouble: None, record };
            controller.pods.push(pod);
            return true;
        }
        let Some(pod) = controller.pods.iter_mut().find(|pod| !pod.ready && pod.trouble.is_none()) else {
            return false;
        };
        match fate {
            Fate::Serves => pod.ready = true,
            Fate::NeverReady => return false,
            Fate::Fails(trouble) => pod.trouble = Some(trouble),
        }
        true
    }

    /// How many pods of a process type serve and are chosen by the routers, of all releases.
    pub(super) fn capacity(&self, proc_type: &ProcType, reachable: &BTreeSet<String>) -> u32 {
        let of_type = self.controllers.iter().filter(|((_, kind), _)| kind == proc_type);
        let pods = of_type.flat_map(|(_, controller)| &controller.pods);
        let chosen = pods.filter(|pod| !self.drain.leaving.contains(&pod.uid));
        let serving = chosen.filter(|pod| pod.ready && (pod.reachable || reachable.contains(&pod.uid)));
        u32::try_from(serving.count()).unwrap()
    }

    pub(super) fn replicas(&self) -> Vec<String> {
        let lines = self
            .controllers
            .iter()
            .map(|((version, proc_type), controller)| format!("{version} {proc_type} {}", controller.replicas));
        lines.collect()
    }
}
