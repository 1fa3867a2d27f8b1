use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deis_api::rest::Autoscale;
use deis_api::{AppName, ProcType, ReleaseVersion};
use parking_lot::{Mutex, MutexGuard};

use crate::deploy::effects::EffectError;
use crate::deploy::phase::PhaseState;
use crate::deploy::reconciler::Footprint;

use super::Fate;
use super::checker::Checker;
use super::kubernetes::{Happening, Kubernetes, Namespace, SimulatedPod, Stamped, View};
use super::ledger::Ledger;

/// A ledger, a Kubernetes and routers, with everything in them that goes on at a pace of its own. Time passes only when somebody
/// says so.
#[derive(Clone)]
pub(super) struct Universe(Arc<Mutex<State>>);

#[derive(Clone)]
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) ledger: Ledger,
    pub(super) kubernetes: Arc<Kubernetes>,
    pub(super) routers: Vec<Router>,
    /// The processes that there are, or were.
    pub(super) processes: BTreeMap<usize, Mind>,
    pub(super) ledger_is_down: bool,
    pub(super) kubernetes_is_down: bool,
    /// The other services have let go of the app.
    pub(super) has_let_go: bool,
    pub(super) checker: Checker,
    pub(super) log: Vec<String>,
}

/// A router, with what its watches have told it.
#[derive(Clone)]
pub(super) struct Router {
    pub(super) table: Arc<Kubernetes>,
    /// It hears nothing and answers nobody, but has clients.
    pub(super) is_stuck: bool,
}

/// What a process does at this moment, and what it has been told.
#[derive(Clone)]
pub(super) struct Mind {
    pub(super) at: At,
    pub(super) answer: Answer,
    pub(super) view: View<Arc<Kubernetes>>,
    pub(super) footprint: Footprint,
}

/// Where a process stands, until it is let go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Work,
    Before(&'static str),
    After(&'static str),
    Reading,
    /// Until its view has a higher generation, or time is up.
    Waiting {
        since: u64,
        until: Duration,
    },
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    Plain,
    /// 409.
    Conflict,
    /// 429 or 500: nothing was done.
    Unavailable,
    /// 504, or a connection that broke: it was done, and nobody says so.
    Lost,
}

/// How web is scaled, where it is.
pub(super) const RULE: Autoscale = Autoscale { min: 1, max: 4, cpu_percent: 75 };

pub(super) fn app() -> AppName {
    "a".parse().unwrap()
}

impl Universe {
    pub(super) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Another one that is as this one is now. What processes there were are dead in it.
    pub(super) fn fork(&self) -> Self {
        Self::new(self.state().clone())
    }
}

impl State {
    /// An app whose first release serves with so many pods.
    pub(super) fn serving(structure: BTreeMap<ProcType, u32>) -> Self {
        let mut kubernetes = Kubernetes { namespace: Namespace::There, ..Kubernetes::default() };
        kubernetes.fates.insert(ReleaseVersion::FIRST, (Fate::Serves, PhaseState::Succeeded));
        kubernetes.service = Some(kubernetes.stamped(Default::default(), 0));
        let environment = kubernetes.stamped((), 0);
        kubernetes.environments.insert(ReleaseVersion::FIRST, environment);
        for (kind, replicas) in &structure {
            let controller = kubernetes.stamped(*replicas, 0);
            kubernetes.controllers.insert((ReleaseVersion::FIRST, kind.clone()), controller);
            if *replicas > 0 {
                let budget = kubernetes.stamped(true, 0);
                kubernetes.budgets.insert(kind.clone(), budget);
            }
        }
        let router = Router { table: Arc::default(), is_stuck: false };
        let mut state = Self {
            now: Duration::ZERO,
            ledger: Ledger::serving(structure),
            kubernetes: Arc::new(kubernetes),
            routers: vec![router.clone(), router],
            processes: BTreeMap::new(),
            ledger_is_down: false,
            kubernetes_is_down: false,
            has_let_go: false,
            checker: Checker::default(),
            log: Vec::new(),
        };
        while state.tick(0) {}
        state.pass(Duration::ZERO);
        state.rest();
        state
    }

    /// The same, and this process type has paths.
    pub(super) fn with_paths(structure: BTreeMap<ProcType, u32>, kind: ProcType) -> Self {
        let mut state = Self::serving(structure);
        state.cluster().paths.insert(kind.clone());
        state.ledger.rules.services.insert(kind, "/paths".to_owned());
        state.pass(Duration::ZERO);
        state
    }

    /// An autoscaler has set web to three pods.
    pub(super) fn autoscaled(structure: BTreeMap<ProcType, u32>) -> Self {
        let mut state = Self::serving(structure);
        state.ledger.autoscale.insert(ProcType::web(), RULE);
        state.ledger.autoscaled.insert(ProcType::web(), ReleaseVersion::FIRST);
        let cluster = state.cluster();
        let autoscaler = cluster.stamped((ReleaseVersion::FIRST, RULE), 0);
        cluster.autoscalers.insert(ProcType::web(), autoscaler);
        state.autoscale(3);
        while state.tick(0) {}
        state.pass(Duration::ZERO);
        state.rest();
        state
    }

    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>4} s  {}", self.now.as_secs(), line());
        self.log.push(line);
    }

    /// To change what Kubernetes has.
    pub(super) fn cluster(&mut self) -> &mut Kubernetes {
        let kubernetes = Arc::make_mut(&mut self.kubernetes);
        kubernetes.generation += 1;
        kubernetes
    }

    /// One thing happens in Kubernetes, the `choice`th of those that can; false when all is quiet.
    pub(super) fn tick(&mut self, choice: usize) -> bool {
        let ports = self.ledger.releases.iter().map(|(version, row)| (*version, row.port)).collect();
        let happenings = self.kubernetes.happenings(&ports);
        if happenings.is_empty() {
            return false;
        }
        let happening = happenings[choice % happenings.len()].clone();
        match happening {
            Happening::Make(key, port) => {
                let cluster = self.cluster();
                let number = cluster.number();
                let pod =
                    SimulatedPod { key, ready: false, trouble: None, cost: 0, is_lame: false, broke: false, port };
                cluster.pods.insert(number, pod);
            }
            Happening::Delete(number) => self.take_pod(number, "its controller"),
            Happening::Advance(number) => {
                let advanced = self.kubernetes.advanced(&self.kubernetes.pods[&number]);
                if let Some(pod) = advanced {
                    let cluster = self.cluster();
                    cluster.note(&pod.key);
                    cluster.pods.insert(number, pod);
                }
            }
            Happening::EndPhase(version) => {
                self.check_command(version);
                let ends = self.kubernetes.fates[&version].1.clone();
                if let Some(phase) = self.cluster().phases.get_mut(&version) {
                    phase.value = ends;
                }
            }
            Happening::Vanish => {
                let cluster = self.cluster();
                let (fates, generation, numbers) = (cluster.fates.clone(), cluster.generation, cluster.numbers);
                *cluster = Kubernetes { fates, generation, numbers, ..Kubernetes::default() };
            }
        }
        true
    }

    /// A pod is deleted, by our doing.
    pub(super) fn take_pod(&mut self, number: u64, by: &str) {
        let Some(pod) = self.kubernetes.pods.get(&number).cloned() else { return };
        self.check_goes(number, &pod, by);
        let cluster = self.cluster();
        cluster.pods.remove(&number);
        cluster.note(&pod.key);
        self.note(|| format!("pod {number} of {} {} goes, ready: {}", pod.key.0, pod.key.1, pod.ready));
        self.check_capacity(by);
    }

    /// Time passes: routers whose watches are alive know everything by then.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.tell_routers();
    }

    pub(super) fn tell_routers(&mut self) {
        for router in self.routers.iter_mut().filter(|router| !router.is_stuck) {
            router.table = Arc::clone(&self.kubernetes);
        }
    }

    /// A process that has just started, with complete lists.
    pub(super) fn enter(&mut self, id: usize) {
        let all = || Arc::clone(&self.kubernetes);
        let generation = self.kubernetes.generation;
        let view = View { generation, controllers: all(), pods: all(), services: all(), policies: all() };
        self.processes.insert(id, Mind { at: At::Work, answer: Answer::Plain, view, footprint: Footprint::default() });
    }

    /// The watches of a process tell what is new: of controllers, pods, Services and policies.
    pub(super) fn deliver(&mut self, id: usize, kinds: [bool; 4]) {
        let kubernetes = Arc::clone(&self.kubernetes);
        let Some(Mind { view, .. }) = self.processes.get_mut(&id) else { return };
        let parts = [&mut view.controllers, &mut view.pods, &mut view.services, &mut view.policies];
        let mut is_news = false;
        for (part, _) in parts.into_iter().zip(kinds).filter(|(_, is_told)| *is_told) {
            is_news |= part.generation != kubernetes.generation;
            *part = Arc::clone(&kubernetes);
        }
        view.generation += u64::from(is_news);
    }

    /// What comes of a call to Kubernetes or the ledger.
    pub(super) fn answer<T>(
        &mut self,
        id: usize,
        is_down: bool,
        act: impl FnOnce(&mut Self) -> Result<T, EffectError>,
    ) -> Result<T, EffectError> {
        let answer = self.processes.get_mut(&id).map(|mind| std::mem::take(&mut mind.answer));
        let unavailable = || Err(EffectError::Unavailable("it cannot be reached".to_owned()));
        match answer.unwrap_or_default() {
            _ if is_down => unavailable(),
            Answer::Plain => act(self),
            Answer::Conflict => Err(EffectError::Changed),
            Answer::Unavailable => unavailable(),
            Answer::Lost => act(self).and_then(|_| unavailable()),
        }
    }
}

impl<T> Stamped<T> {
    /// An update of an object as it was seen, with the checks of our client and of the API server.
    pub(super) fn update(
        &mut self,
        seen: &deis_kube::apply::Seen,
        fence: i64,
        number: u64,
    ) -> Result<&mut T, EffectError> {
        if seen.fence > fence || !self.is(seen) {
            return Err(EffectError::Changed);
        }
        self.version = number;
        self.fence = fence;
        Ok(&mut self.value)
    }
}
