use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deis_api::{AppName, Code, Hostname, ProcType, ReleaseVersion};
use parking_lot::Mutex;

use super::{Ending, Narrator, reconcile};
use crate::deploy::cluster::Demolition;
use crate::deploy::effects::{EffectError, Effects, Grant, Surroundings};
use crate::deploy::failure::Failure;
use crate::deploy::goal::{Assignment, ReleasePhase};
use crate::deploy::phase::{Phase, PhaseState};
use crate::deploy::simulation::{Fate, Simulation};
use crate::deploy::world::{Controller, Pod, Trouble, World};

const OLD: ReleaseVersion = ReleaseVersion::FIRST;

fn new() -> ReleaseVersion {
    OLD.next()
}

fn web(count: u32) -> BTreeMap<ProcType, u32> {
    BTreeMap::from([(ProcType::web(), count)])
}

fn app() -> AppName {
    "a".parse().unwrap()
}

/// A ledger, a cluster and routers in memory. Time passes only while somebody waits and nothing happens.
struct Sandbox(Mutex<State>);

struct State {
    cluster: Simulation,
    fence: i64,
    desired: ReleaseVersion,
    deploying: bool,
    domains: BTreeSet<Hostname>,
    unsettled: Option<i64>,
    restarting: BTreeSet<String>,
    destroying: bool,
    /// What keeps the namespace from going away.
    kept: Option<String>,
    forgotten: bool,
    phase: ReleasePhase,
    phases: Vec<Phase>,
    /// How the release command ends.
    phase_ends: PhaseState,
    processes: BTreeMap<ProcType, u32>,
    now: Duration,
    routers_answer: bool,
    log: Vec<String>,
    /// Calls of this name find the world changed, this many times.
    conflicts: BTreeMap<&'static str, u32>,
    kubernetes_is_down: bool,
    /// Kubernetes does not take this release.
    refused: Option<ReleaseVersion>,
    /// The process is killed after so many writes.
    dies_after: Option<usize>,
}

impl Sandbox {
    fn upgrading(fate: Fate) -> Self {
        let mut cluster = Simulation::serving(OLD, &web(2));
        cluster.fates.insert(new(), fate);
        Self(Mutex::new(State {
            cluster,
            fence: 0,
            desired: new(),
            deploying: true,
            domains: BTreeSet::new(),
            unsettled: None,
            restarting: BTreeSet::new(),
            destroying: false,
            kept: None,
            forgotten: false,
            phase: ReleasePhase::None,
            phases: Vec::new(),
            phase_ends: PhaseState::Succeeded,
            processes: web(2),
            now: Duration::ZERO,
            routers_answer: true,
            log: Vec::new(),
            conflicts: BTreeMap::new(),
            kubernetes_is_down: false,
            refused: None,
            dies_after: None,
        }))
    }

    fn write(
        &self,
        grant: &Grant,
        name: &'static str,
        line: String,
    ) -> Result<parking_lot::MutexGuard<'_, State>, EffectError> {
        let mut state = self.0.lock();
        if state.kubernetes_is_down {
            return Err(EffectError::Unavailable("Kubernetes cannot be reached".to_owned()));
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
        state.log.push(line);
        Ok(state)
    }

    fn log(&self) -> Vec<String> {
        self.0.lock().log.clone()
    }
}

impl Effects for Sandbox {
    async fn begin(&self, app: &AppName) -> Result<Grant, EffectError> {
        let mut state = self.0.lock();
        state.fence += 1;
        Ok(Grant { app: app.clone(), fence: state.fence })
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

    async fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> Result<(), EffectError> {
        let line = format!("{} {} to {to}", controller.version, controller.proc_type);
        let mut state = self.write(grant, "resize", line)?;
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

    async fn delete(&self, grant: &Grant, controller: &Controller) -> Result<(), EffectError> {
        let mut state = self.write(grant, "delete", format!("delete {}", controller.seen.name))?;
        state.cluster.delete(controller.version, &controller.proc_type);
        Ok(())
    }

    async fn tidy(&self, grant: &Grant, keep: ReleaseVersion) -> Result<(), EffectError> {
        self.write(grant, "tidy", format!("tidy, keep {keep}")).map(drop)
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
            domains: state.domains.clone(),
            unsettled: state.unsettled,
            restarting: state.restarting.clone(),
            destroying: state.destroying,
            release: state.desired,
            deploying: state.deploying,
            image: Some("image".to_owned()),
            sha: None,
            phase: state.phase,
            processes: state.processes.clone(),
            shape: Default::default(),
            values: BTreeMap::new(),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    fn observe(&self, _app: &AppName, _served: Option<&ProcType>, reachable: &BTreeSet<String>) -> World {
        let state = self.0.lock();
        World { phases: state.phases.clone(), ..state.cluster.world(reachable) }
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
        if self.0.lock().routers_answer { uids.clone() } else { BTreeSet::new() }
    }

    async fn log_tail(&self, _app: &AppName, _pod: &str) -> Vec<String> {
        vec!["last words".to_owned()]
    }

    fn now(&self) -> Duration {
        self.0.lock().now
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Narrator for Told {
    fn step(&self, _grant: &Grant, text: String) {
        self.0.lock().push(text);
    }
}

async fn settle(sandbox: &Sandbox) -> Vec<String> {
    let told = Told::default();
    assert_eq!(reconcile(sandbox, &app(), &told).await.unwrap(), Ending::Settled);
    told.0.into_inner()
}

#[tokio::test]
async fn a_release_is_deployed_and_the_one_before_goes() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    let told = settle(&sandbox).await;
    insta::assert_yaml_snapshot!(sandbox.log());
    assert_eq!(told, ["web: 0 of 2 pods ready", "web: 1 of 2 pods ready"]);
}

#[tokio::test]
async fn a_release_that_crashes_leaves_no_pod_and_the_old_one_full() {
    let sandbox = Sandbox::upgrading(Fate::Fails(Trouble::Exited { code: 1, times: 2 }));
    settle(&sandbox).await;
    insta::assert_yaml_snapshot!(sandbox.log());
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn a_release_that_never_gets_ready_fails_when_nothing_moves_any_more() {
    let sandbox = Sandbox::upgrading(Fate::NeverReady);
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 failed: never-ready [\"last words\"]".to_owned()));
    let took = sandbox.0.lock().now.as_secs();
    assert!((120..125).contains(&took), "{took} s");
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn routers_that_do_not_answer_are_waited_for_and_then_left_behind() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().routers_answer = false;
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 is deployed".to_owned()));
    assert!(sandbox.0.lock().now >= Duration::from_secs(120));
}

#[tokio::test]
async fn a_conflict_is_another_look() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().conflicts = BTreeMap::from([("create", 2), ("resize", 3), ("delete", 1), ("prepare", 1)]);
    settle(&sandbox).await;
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 2"]);
}

#[tokio::test]
async fn an_outage_of_kubernetes_ends_in_a_minute() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().kubernetes_is_down = true;
    let error = reconcile(&sandbox, &app(), &Told::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    let took = sandbox.0.lock().now.as_secs();
    assert!((60..65).contains(&took), "{took} s");
}

#[tokio::test]
async fn a_release_that_kubernetes_does_not_take_has_failed() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().refused = Some(new());
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 failed: pod-refused []".to_owned()));
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn whoever_was_overtaken_writes_nothing_more() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    let grant = sandbox.begin(&app()).await.unwrap();
    settle(&sandbox).await;
    let before = sandbox.log();
    let newest = Grant { app: app(), fence: 2 };
    let assignment = sandbox.assignment(&newest).await.unwrap();
    let refused = sandbox.create(&grant, &assignment, &ProcType::web()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Fenced);
    assert_eq!(sandbox.log(), before);
}

#[tokio::test]
async fn scaling_something_that_crashes_says_so_and_goes_no_further() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    settle(&sandbox).await;
    {
        let mut state = sandbox.0.lock();
        state.processes = web(3);
        state.cluster.fates.insert(new(), Fate::Fails(Trouble::OutOfMemory));
    }
    let ending = reconcile(&sandbox, &app(), &Told::default()).await.unwrap();
    let Ending::Stuck(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.code, Code::OutOfMemory);
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 3"]);
}

/// A process that dies after one write and one that dies before the next leave the same world behind.
#[tokio::test]
async fn a_deploy_that_was_killed_anywhere_is_finished_by_the_next() {
    for fate in [Fate::Serves, Fate::Fails(Trouble::OutOfMemory)] {
        let whole = Sandbox::upgrading(fate.clone());
        settle(&whole).await;
        for survived in 0..whole.log().len() {
            let sandbox = Sandbox::upgrading(fate.clone());
            sandbox.0.lock().dies_after = Some(survived);
            let killed = reconcile(&sandbox, &app(), &Told::default()).await;
            assert!(killed.is_err(), "survived {survived} writes");
            sandbox.0.lock().dies_after = None;
            settle(&sandbox).await;
            assert_eq!(sandbox.0.lock().cluster.replicas(), whole.0.lock().cluster.replicas());
            assert_eq!(sandbox.0.lock().desired, whole.0.lock().desired);
            assert!(!sandbox.0.lock().deploying);
        }
    }
}

#[tokio::test]
async fn new_domains_are_told_to_the_routers_and_noted_as_settled() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    settle(&sandbox).await;
    let before = sandbox.log().len();
    {
        let mut state = sandbox.0.lock();
        state.domains.insert("example.com".parse().unwrap());
        state.unsettled = Some(7);
    }
    settle(&sandbox).await;
    assert_eq!(sandbox.log()[before..], ["prepare v2", "tidy, keep v2", "settled at 7"]);
}

impl Sandbox {
    /// Two pods that serve and are to be replaced.
    async fn restarting() -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        settle(&sandbox).await;
        {
            let mut state = sandbox.0.lock();
            state.restarting = state.uids();
            state.unsettled = Some(3);
            state.log.clear();
        }
        sandbox
    }
}

impl State {
    fn uids(&self) -> BTreeSet<String> {
        self.cluster.controllers.values().flat_map(|controller| &controller.pods).map(|pod| pod.uid.clone()).collect()
    }
}

#[tokio::test]
async fn a_restart_that_was_killed_anywhere_is_finished_by_the_next() {
    let whole = Sandbox::restarting().await;
    settle(&whole).await;
    assert_eq!(whole.log(), ["prepare v2", "v2 web to 4", "v2 web to 2", "tidy, keep v2", "settled at 3"]);
    for survived in 0..whole.log().len() {
        let sandbox = Sandbox::restarting().await;
        sandbox.0.lock().dies_after = Some(survived);
        assert!(reconcile(&sandbox, &app(), &Told::default()).await.is_err(), "survived {survived} writes");
        sandbox.0.lock().dies_after = None;
        settle(&sandbox).await;
        let state = sandbox.0.lock();
        assert_eq!(state.cluster.replicas(), ["v2 web 2"]);
        assert!(state.uids().is_disjoint(&state.restarting));
    }
}

#[tokio::test]
async fn a_restart_whose_new_pods_crash_leaves_the_old_ones_alone() {
    let sandbox = Sandbox::restarting().await;
    let before = {
        let mut state = sandbox.0.lock();
        state.cluster.fates.insert(new(), Fate::Fails(Trouble::OutOfMemory));
        state.uids()
    };
    let ending = reconcile(&sandbox, &app(), &Told::default()).await.unwrap();
    let Ending::Stuck(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.code, Code::OutOfMemory);
    let state = sandbox.0.lock();
    assert_eq!(state.uids(), before);
    assert_eq!(state.log[1..], ["v2 web to 4", "spare 2 pods", "v2 web to 2", "tidy, keep v2", "settled at 3"]);
}

impl Sandbox {
    /// An app with a deploy under way that is to be destroyed.
    fn destroying() -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        sandbox.0.lock().destroying = true;
        sandbox
    }
}

#[tokio::test]
async fn a_destruction_that_was_killed_anywhere_is_finished_by_the_next() {
    for survived in 0..=3 {
        let sandbox = Sandbox::destroying();
        sandbox.0.lock().dies_after = Some(survived);
        let killed = reconcile(&sandbox, &app(), &Told::default()).await;
        assert_eq!(killed.is_err(), survived < 3);
        assert_eq!(sandbox.0.lock().forgotten, survived == 3, "the ledger goes last");
        sandbox.0.lock().dies_after = None;
        assert_eq!(reconcile(&sandbox, &app(), &Told::default()).await.unwrap(), Ending::Destroyed);
        assert_eq!(sandbox.log()[survived.min(3)..], ["demolish", "let go", "forget"]);
    }
}

#[tokio::test]
async fn a_namespace_that_does_not_go_is_explained_and_nothing_else_is_removed() {
    let sandbox = Sandbox::destroying();
    sandbox.0.lock().kept = Some("Kubernetes still deletes the namespace a: it has the finalizers x/y.".to_owned());
    let told = Told::default();
    let Ending::Stuck(failure) = reconcile(&sandbox, &app(), &told).await.unwrap() else { panic!("it cannot be gone") };
    insta::assert_snapshot!(failure.message, @"Kubernetes still deletes the namespace a: it has the finalizers x/y. It is deleted as soon as nothing keeps it; ask your operator to look.");
    assert_eq!(failure.code, Code::NamespaceStuck);
    assert_eq!(told.0.into_inner(), ["Kubernetes still deletes the namespace a: it has the finalizers x/y."]);
    assert!(sandbox.log().iter().all(|line| line == "demolish"));
    let took = sandbox.0.lock().now.as_secs();
    assert!((120..130).contains(&took), "{took} s");
    sandbox.0.lock().kept = None;
    assert_eq!(reconcile(&sandbox, &app(), &Told::default()).await.unwrap(), Ending::Destroyed);
}

impl Sandbox {
    /// A deploy whose build has a release command.
    fn with_phase(ends: PhaseState) -> Self {
        let sandbox = Self::upgrading(Fate::Serves);
        {
            let mut state = sandbox.0.lock();
            state.phase = ReleasePhase::ToRun;
            state.phase_ends = ends;
        }
        sandbox
    }
}

#[tokio::test]
async fn the_release_command_runs_before_anything_else() {
    let sandbox = Sandbox::with_phase(PhaseState::Succeeded);
    let told = settle(&sandbox).await;
    assert_eq!(told[0], "running the release command");
    let log = sandbox.log();
    assert_eq!(
        log[..4],
        ["prepare v2", "run the release command of v2", "the release command of v2 is done", "create v2 web"]
    );
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 2"]);
}

#[tokio::test]
async fn a_release_command_that_fails_deploys_nothing() {
    let sandbox = Sandbox::with_phase(PhaseState::Failed(Some(3)));
    settle(&sandbox).await;
    let log = sandbox.log();
    assert_eq!(log[1..3], ["run the release command of v2", "v2 failed: release-phase-failed [\"last words\"]"]);
    assert!(!log.iter().any(|line| line.starts_with("create") || line.contains(" web to ")), "{log:?}");
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn a_release_command_runs_once_though_the_process_is_killed_anywhere() {
    for ends in [PhaseState::Succeeded, PhaseState::Failed(None)] {
        let whole = Sandbox::with_phase(ends.clone());
        settle(&whole).await;
        for survived in 0..whole.log().len() {
            let sandbox = Sandbox::with_phase(ends.clone());
            sandbox.0.lock().dies_after = Some(survived);
            assert!(reconcile(&sandbox, &app(), &Told::default()).await.is_err(), "survived {survived} writes");
            sandbox.0.lock().dies_after = None;
            settle(&sandbox).await;
            let runs = sandbox.log().iter().filter(|line| line.starts_with("run the release command")).count();
            assert_eq!(runs, 1, "survived {survived} writes");
            assert_eq!(sandbox.0.lock().cluster.replicas(), whole.0.lock().cluster.replicas());
        }
    }
}

/// Its pod may be gone by then: a node was drained.
#[tokio::test]
async fn a_release_command_that_is_done_is_not_run_again() {
    let sandbox = Sandbox::with_phase(PhaseState::Succeeded);
    sandbox.0.lock().phase = ReleasePhase::Done;
    settle(&sandbox).await;
    assert!(!sandbox.log().iter().any(|line| line.starts_with("run the release command")));
}
