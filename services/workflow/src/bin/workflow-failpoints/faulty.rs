//! A failpoint at both sides of everything that a deploy writes, and of the commit that every push comes down to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, ProcType, ReleaseVersion};
use deis_failpoints::Failpoints;
use deis_kube::objects::Drain;
use deis_workflow::deploy::world::{Autoscaler, Budget, Controller, Pod, Served, Service, World};
use deis_workflow::deploy::{Assignment, Demolition, EffectError, Effects, Failure, Grant, Outside, Surroundings};
use deis_workflow::runs::OneOffs;
use deis_workflow::seams::{Commit, Seams};

use super::faulty_runs::FaultyRuns;
use super::names;

/// Failpoints in all seams of the service.
#[derive(Clone, Debug)]
pub(crate) struct Faults(pub(crate) Failpoints);

impl Seams for Faults {
    type World = Faulty<Outside>;

    fn world(&self, outside: Outside) -> Faulty<Outside> {
        Faulty { world: outside, failpoints: self.0.clone() }
    }

    fn runs(&self, pods: Arc<dyn OneOffs>) -> Arc<dyn OneOffs> {
        Arc::new(FaultyRuns { pods, failpoints: self.0.clone() })
    }

    fn commit(&self) -> Arc<dyn Commit> {
        Arc::new(self.clone())
    }
}

impl Commit for Faults {
    fn before(&self) {
        let [before, _] = names::RELEASE;
        self.0.pass(before);
    }

    fn after(&self) {
        let [_, after] = names::RELEASE;
        self.0.pass(after);
    }
}

/// A world with a failpoint at both sides of every effect.
#[derive(Clone)]
pub(crate) struct Faulty<W> {
    world: W,
    failpoints: Failpoints,
}

impl<W: Effects> Effects for Faulty<W> {
    async fn begin(&self, app: &AppName) -> Result<Grant, EffectError> {
        self.failpoints.around(names::BEGIN, self.world.begin(app)).await
    }

    async fn certify(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.failpoints.around(names::CERTIFY, self.world.certify(grant, assignment)).await
    }

    async fn prepare(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.failpoints.around(names::PREPARE, self.world.prepare(grant, assignment)).await
    }

    async fn start_phase(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.failpoints.around(names::START_PHASE, self.world.start_phase(grant, assignment)).await
    }

    async fn end_phase(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        self.failpoints.around(names::END_PHASE, self.world.end_phase(grant, release)).await
    }

    async fn create(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.failpoints.around(names::CREATE, self.world.create(grant, assignment, proc_type)).await
    }

    async fn drain(&self, grant: &Grant, service: &Service, drain: &Drain) -> Result<(), EffectError> {
        self.failpoints.around(names::DRAIN, self.world.drain(grant, service, drain)).await
    }

    async fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> Result<(), EffectError> {
        self.failpoints.around(names::RESIZE, self.world.resize(grant, controller, to, leaving)).await
    }

    async fn replace(&self, grant: &Grant, pods: &[&Pod]) -> Result<(), EffectError> {
        self.failpoints.around(names::REPLACE, self.world.replace(grant, pods)).await
    }

    async fn spare(&self, grant: &Grant, pod_uids: &BTreeSet<String>) -> Result<(), EffectError> {
        self.failpoints.around(names::SPARE, self.world.spare(grant, pod_uids)).await
    }

    async fn protect(&self, grant: &Grant, proc_type: &ProcType) -> Result<(), EffectError> {
        self.failpoints.around(names::PROTECT, self.world.protect(grant, proc_type)).await
    }

    async fn unprotect(&self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        self.failpoints.around(names::UNPROTECT, self.world.unprotect(grant, budget)).await
    }

    async fn take_back(&self, grant: &Grant, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        self.failpoints.around(names::TAKE_BACK, self.world.take_back(grant, autoscaler)).await
    }

    async fn hold(&self, grant: &Grant, proc_type: &ProcType, count: Option<u32>) -> Result<(), EffectError> {
        self.failpoints.around(names::HOLD, self.world.hold(grant, proc_type, count)).await
    }

    async fn entrust(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.failpoints.around(names::ENTRUST, self.world.entrust(grant, assignment, proc_type)).await
    }

    async fn hand_over(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.failpoints.around(names::HAND_OVER, self.world.hand_over(grant, assignment, proc_type)).await
    }

    async fn delete(&self, grant: &Grant, controller: &Controller) -> Result<(), EffectError> {
        self.failpoints.around(names::DELETE, self.world.delete(grant, controller)).await
    }

    async fn tidy(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.failpoints.around(names::TIDY, self.world.tidy(grant, assignment)).await
    }

    async fn demolish(&self, grant: &Grant, limit: Duration) -> Result<Demolition, EffectError> {
        self.failpoints.around(names::DEMOLISH, self.world.demolish(grant, limit)).await
    }

    async fn let_go(&self, grant: &Grant) -> Result<(), EffectError> {
        self.failpoints.around(names::LET_GO, self.world.let_go(grant)).await
    }

    async fn forget(&self, grant: &Grant) -> Result<(), EffectError> {
        self.failpoints.around(names::FORGET, self.world.forget(grant)).await
    }

    async fn settle(&self, grant: &Grant, intent: i64) -> Result<(), EffectError> {
        self.failpoints.around(names::SETTLE, self.world.settle(grant, intent)).await
    }

    async fn succeed(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        self.failpoints.around(names::SUCCEED, self.world.succeed(grant, release)).await
    }

    async fn fail(
        &self,
        grant: &Grant,
        release: ReleaseVersion,
        failure: &Failure,
        log_tail: &[String],
    ) -> Result<(), EffectError> {
        self.failpoints.around(names::FAIL, self.world.fail(grant, release, failure, log_tail)).await
    }
}

impl<W: Surroundings> Surroundings for Faulty<W> {
    async fn assignment(&self, grant: &Grant) -> Result<Assignment, EffectError> {
        self.world.assignment(grant).await
    }

    fn observe(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        self.world.observe(app, served, reachable)
    }

    async fn changed(&self, app: &AppName, since: u64, limit: Duration) {
        self.world.changed(app, since, limit).await;
    }

    async fn reachable(&self, app: &AppName, uids: &BTreeSet<String>) -> BTreeSet<String> {
        self.world.reachable(app, uids).await
    }

    async fn drained(&self, app: &AppName, epoch: i64) {
        self.world.drained(app, epoch).await;
    }

    async fn log_tail(&self, app: &AppName, pod: &str) -> Vec<String> {
        self.world.log_tail(app, pod).await
    }

    fn now(&self) -> Duration {
        self.world.now()
    }
}
