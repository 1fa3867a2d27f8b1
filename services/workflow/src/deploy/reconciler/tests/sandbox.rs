use super::*;

/// A ledger, a cluster and routers in memory. Time passes only while somebody waits and nothing happens.
pub(super) struct Sandbox(pub(super) Mutex<State>);

pub(super) struct State {
    pub(super) cluster: Simulation,
    pub(super) fence: i64,
    pub(super) desired: ReleaseVersion,
    pub(super) deploying: bool,
    pub(super) domains: BTreeSet<Hostname>,
    pub(super) certificates: BTreeMap<Hostname, CertificateDigest>,
    pub(super) unsettled: Option<i64>,
    pub(super) restarting: BTreeSet<String>,
    pub(super) destroying: bool,
    /// What keeps the namespace from going away.
    pub(super) kept: Option<String>,
    pub(super) forgotten: bool,
    pub(super) phase: ReleasePhase,
    pub(super) phases: Vec<Phase>,
    /// How the release command ends.
    pub(super) phase_ends: PhaseState,
    pub(super) processes: BTreeMap<ProcType, u32>,
    pub(super) autoscale: BTreeMap<ProcType, Autoscale>,
    pub(super) autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    pub(super) autoscalers: Vec<Autoscaler>,
    pub(super) now: Duration,
    pub(super) routers_answer: bool,
    /// Something happens each time that they are asked for pods.
    pub(super) happens_meanwhile: bool,
    /// The newest epoch of which the process that is at work has asked all routers.
    pub(super) announced: i64,
    pub(super) log: Vec<String>,
    /// Calls of this name find the world changed, this many times.
    pub(super) conflicts: BTreeMap<&'static str, u32>,
    pub(super) kubernetes_is_down: bool,
    /// So many writes are not answered; each fiftieth of them is, with a conflict.
    pub(super) unanswered: u32,
    /// Kubernetes does not take this release.
    pub(super) refused: Option<ReleaseVersion>,
    /// Kubernetes takes no calls of these names.
    pub(super) refuses: BTreeSet<&'static str>,
    /// The process is killed after so many writes.
    pub(super) dies_after: Option<usize>,
    /// An administrator allows root after so many writes.
    pub(super) root_after: Option<usize>,
}

impl Sandbox {
    pub(super) fn upgrading(fate: Fate) -> Self {
        let mut cluster = Simulation::serving(OLD, &web(2));
        cluster.fates.insert(new(), fate);
        Self(Mutex::new(State {
            cluster,
            fence: 0,
            desired: new(),
            deploying: true,
            domains: BTreeSet::new(),
            certificates: BTreeMap::new(),
            unsettled: None,
            restarting: BTreeSet::new(),
            destroying: false,
            kept: None,
            forgotten: false,
            phase: ReleasePhase::None,
            phases: Vec::new(),
            phase_ends: PhaseState::Succeeded,
            processes: web(2),
            autoscale: BTreeMap::new(),
            autoscaled: BTreeMap::new(),
            autoscalers: Vec::new(),
            now: Duration::ZERO,
            routers_answer: true,
            happens_meanwhile: false,
            announced: 0,
            log: Vec::new(),
            conflicts: BTreeMap::new(),
            kubernetes_is_down: false,
            unanswered: 0,
            refused: None,
            refuses: BTreeSet::new(),
            dies_after: None,
            root_after: None,
        }))
    }

    pub(super) fn write(
        &self,
        grant: &Grant,
        name: &'static str,
        line: String,
    ) -> Result<parking_lot::MutexGuard<'_, State>, EffectError> {
        let mut state = self.0.lock();
        if state.kubernetes_is_down {
            return Err(EffectError::Unavailable("Kubernetes cannot be reached".to_owned()));
        }
        if state.unanswered > 0 {
            state.unanswered -= 1;
            let away = || EffectError::Unavailable("Kubernetes cannot be reached".to_owned());
            return Err(if state.unanswered.is_multiple_of(50) { EffectError::Changed } else { away() });
        }
        if grant.fence != state.fence {
            return Err(EffectError::Fenced(grant.app.clone()));
        }
        if state.dies_after == Some(state.log.len()) {
            return Err(EffectError::Gone(grant.app.clone()));
        }
        if let Some(left) = state.conflicts.get_mut(name).filter(|left| **left > 0) {
            *left -= 1;
            return Err(EffectError::Changed);
        }
        if state.refuses.contains(name) {
            state.log.push(format!("refused: {line}"));
            return Err(EffectError::Refused(format!("Kubernetes refuses to {name}: exceeded quota")));
        }
        state.log.push(line);
        Ok(state)
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.0.lock().log.clone()
    }
}

/// The autoscaler of web.
pub(super) fn autoscaler(scales: Option<(ReleaseVersion, Autoscale)>) -> Autoscaler {
    let (name, uid, resource_version) = ("a-web".to_owned(), format!("{scales:?}"), "1".to_owned());
    Autoscaler { seen: Seen { name, uid, resource_version, fence: 0 }, proc_type: ProcType::web(), scales }
}

impl Effects for Sandbox {
    async fn begin(&self, app: &AppName) -> Result<Grant, EffectError> {
        let mut state = self.0.lock();
        state.fence += 1;
        state.announced = 0;
        Ok(Grant { app: app.clone(), fence: state.fence })
    }

    async fn certify(&self, grant: &Grant, _assignment: &Assignment) -> Result<(), EffectError> {
        self.write(grant, "certify", "certify".to_owned()).map(drop)
    }

    async fn prepare(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.write(grant, "prepare", format!("prepare {}", assignment.release)).map(drop)
    }

    async fn create(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        if self.0.lock().refused == Some(assignment.release) {
            return Err(EffectError::Refused("Kubernetes refuses ReplicationController a-v2-web: invalid".to_owned()));
        }
        let mut state = self.write(grant, "create", format!("create {} {proc_type}", assignment.release))?;
        state.cluster.create(assignment.release, proc_type, grant.fence);
        Ok(())
    }

    async fn drain(&self, grant: &Grant, service: &Service, drain: &Drain) -> Result<(), EffectError> {
        let mut state = self.write(grant, "drain", format!("drain {} pods", drain.leaving.len()))?;
        assert_eq!(service.seen.resource_version, state.cluster.drain.epoch.to_string());
        state.cluster.drain(drain);
        Ok(())
    }

    async fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> Result<(), EffectError> {
        let line = format!("{} {} to {to}", controller.version, controller.proc_type);
        let mut state = self.write(grant, "resize", line)?;
        let is_announced = state.announced == state.cluster.drain.epoch;
        assert!(is_announced || !leaving.iter().any(|pod| pod.gets_requests()), "no router was asked");
        let leaving = leaving.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>();
        state.cluster.set(controller.version, &controller.proc_type, to, &leaving, grant.fence);
        Ok(())
    }

    async fn start_phase(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        let line = format!("run the release command of {}", assignment.release);
        let mut state = self.write(grant, "start phase", line)?;
        let running = PhaseState::Running(None);
        state.phases.push(Phase { version: assignment.release, pod: "a-release".to_owned(), state: running });
        Ok(())
    }

    async fn end_phase(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        let mut state = self.write(grant, "end phase", format!("the release command of {release} is done"))?;
        state.phase = ReleasePhase::Done;
        Ok(())
    }

    async fn replace(&self, grant: &Grant, pods: &[&Pod]) -> Result<(), EffectError> {
        let mut state = self.write(grant, "replace", format!("replace {} pods", pods.len()))?;
        let names = pods.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>();
        let desired = state.desired;
        state.cluster.replace(desired, &ProcType::web(), &names);
        Ok(())
    }

    async fn spare(&self, grant: &Grant, pod_uids: &BTreeSet<String>) -> Result<(), EffectError> {
        let mut state = self.write(grant, "spare", format!("spare {} pods", pod_uids.len()))?;
        state.restarting.retain(|uid| !pod_uids.contains(uid));
        Ok(())
    }

    async fn protect(&self, grant: &Grant, proc_type: &ProcType) -> Result<(), EffectError> {
        self.write(grant, "protect", format!("protect {proc_type}"))?.cluster.protect(proc_type);
        Ok(())
    }

    async fn unprotect(&self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        let line = format!("do not protect {} any more", budget.proc_type);
        self.write(grant, "unprotect", line)?.cluster.unprotect(&budget.proc_type);
        Ok(())
    }

    async fn take_back(&self, grant: &Grant, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        let line = format!("take {} back from its autoscaler", autoscaler.proc_type);
        self.write(grant, "take back", line)?.autoscalers.retain(|kept| kept.seen.uid != autoscaler.seen.uid);
        Ok(())
    }

    async fn hold(&self, grant: &Grant, proc_type: &ProcType, count: Option<u32>) -> Result<(), EffectError> {
        let mut state = self.write(grant, "hold", format!("hold {proc_type} at {count:?}"))?;
        state.autoscaled.remove(proc_type);
        state.processes.extend(count.map(|count| (proc_type.clone(), count)));
        Ok(())
    }

    async fn entrust(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        let mut state = self.write(grant, "entrust", format!("{proc_type} is its autoscaler's"))?;
        state.autoscaled.insert(proc_type.clone(), assignment.release);
        Ok(())
    }

    async fn hand_over(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        let line = format!("hand {} {proc_type} over to its autoscaler", assignment.release);
        let mut state = self.write(grant, "hand over", line)?;
        let scales = Some((assignment.release, assignment.autoscale[proc_type]));
        state.autoscalers = vec![autoscaler(scales)];
        Ok(())
    }

    async fn delete(&self, grant: &Grant, controller: &Controller) -> Result<(), EffectError> {
        let mut state = self.write(grant, "delete", format!("delete {}", controller.seen.name))?;
        state.cluster.delete(controller.version, &controller.proc_type);
        Ok(())
    }

    async fn tidy(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.write(grant, "tidy", format!("tidy, keep {}", assignment.release)).map(drop)
    }

    async fn demolish(&self, grant: &Grant, limit: Duration) -> Result<Demolition, EffectError> {
        let mut state = self.write(grant, "demolish", "demolish".to_owned())?;
        if let Some(why) = state.kept.clone() {
            state.now += limit;
            return Ok(Demolition::Remains(why));
        }
        state.cluster = Simulation::default();
        Ok(Demolition::Gone)
    }

    async fn let_go(&self, grant: &Grant) -> Result<(), EffectError> {
        self.write(grant, "let go", "let go".to_owned()).map(drop)
    }

    async fn forget(&self, grant: &Grant) -> Result<(), EffectError> {
        self.write(grant, "forget", "forget".to_owned())?.forgotten = true;
        Ok(())
    }

    async fn settle(&self, grant: &Grant, intent: i64) -> Result<(), EffectError> {
        let mut state = self.write(grant, "settle", format!("settled at {intent}"))?;
        state.unsettled = None;
        Ok(())
    }

    async fn succeed(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        let mut state = self.write(grant, "succeed", format!("{release} is deployed"))?;
        state.deploying = false;
        Ok(())
    }

    async fn fail(
        &self,
        grant: &Grant,
        release: ReleaseVersion,
        failure: &Failure,
        log_tail: &[String],
    ) -> Result<(), EffectError> {
        let line = format!("{release} failed: {} {log_tail:?}", failure.code);
        let mut state = self.write(grant, "fail", line)?;
        state.deploying = false;
        state.desired = OLD;
        Ok(())
    }
}

impl Surroundings for Sandbox {
    async fn assignment(&self, grant: &Grant) -> Result<Assignment, EffectError> {
        let state = self.0.lock();
        if grant.fence != state.fence {
            return Err(EffectError::Fenced(grant.app.clone()));
        }
        Ok(Assignment {
            app: grant.app.clone(),
            routing: Routing {
                domains: state.domains.clone(),
                certificates: state.certificates.clone(),
                ..Routing::default()
            },
            unsettled: state.unsettled,
            restarting: state.restarting.clone(),
            allow_root: state.root_after.is_some_and(|writes| state.log.len() >= writes),
            destroying: state.destroying,
            release: state.desired,
            deploying: state.deploying,
            image: Some("image".to_owned()),
            sha: None,
            phase: state.phase,
            processes: state.processes.clone(),
            autoscale: state.autoscale.clone(),
            autoscaled: state.autoscaled.clone(),
            shape: Default::default(),
            procfile: BTreeMap::new(),
            pulled: None,
            values: BTreeMap::new(),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    fn observe(&self, _app: &AppName, _served: &Served, reachable: &BTreeSet<String>) -> World {
        let state = self.0.lock();
        World { phases: state.phases.clone(), autoscalers: state.autoscalers.clone(), ..state.cluster.world(reachable) }
    }

    async fn changed(&self, _app: &AppName, _since: u64, limit: Duration) {
        let mut state = self.0.lock();
        let end = state.phase_ends.clone();
        if let Some(phase) = state.phases.iter_mut().find(|phase| phase.state == PhaseState::Running(None)) {
            phase.state = end;
            return;
        }
        if !state.cluster.tick() {
            state.now += limit;
        }
    }

    async fn reachable(&self, _app: &AppName, uids: &BTreeSet<String>) -> BTreeSet<String> {
        let mut state = self.0.lock();
        if state.happens_meanwhile {
            state.cluster.tick();
        }
        if state.routers_answer { uids.clone() } else { BTreeSet::new() }
    }

    async fn drained(&self, _app: &AppName, epoch: i64) {
        let mut state = self.0.lock();
        if !state.routers_answer {
            state.now += Duration::from_secs(2);
        }
        state.announced = epoch;
    }

    async fn log_tail(&self, _app: &AppName, _pod: &str) -> Vec<String> {
        vec!["last words".to_owned()]
    }

    fn now(&self) -> Duration {
        self.0.lock().now
    }
}
