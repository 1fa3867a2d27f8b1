use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deis_api::{AppName, ProcType, ReleaseVersion};
use deis_kube::objects::Drain;

use super::cluster::{Cluster, Demolition, Routers};
use super::effects::{EffectError, Effects, Grant, Surroundings};
use super::failure::Failure;
use super::goal::Assignment;
use super::holder::Holder;
use super::world::{Autoscaler, Budget, Controller, Pod, Served, Service, World};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::logs::Events;

/// The real world: the ledger, Kubernetes and the routers.
#[derive(Clone)]
pub struct Outside {
    /// History and intent.
    pub ledger: Arc<dyn Ledger>,
    /// The desired workload and what became of it.
    pub cluster: Arc<dyn Cluster>,
    /// Who serves.
    pub routers: Arc<dyn Routers>,
    /// Where the apps' users read what happened.
    pub events: Events,
    /// Who keeps things of apps beside these.
    pub holders: Vec<Arc<dyn Holder>>,
    /// When the process started.
    pub epoch: Instant,
}

impl Effects for Outside {
    async fn begin(&self, app: &AppName) -> Result<Grant, EffectError> {
        self.ledger.begin_deploy(app).await.map_err(unavailable)?.ok_or_else(|| EffectError::Gone(app.clone()))
    }

    async fn certify(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        let texts = self.ledger.texts_of_app(&grant.app).await.map_err(unavailable)?;
        let mut wanted = assignment.routing.certificates.values();
        if wanted.all(|digest| texts.iter().any(|texts| texts.digest == *digest)) {
            self.cluster.certify(grant, &texts).await
        } else {
            // One was removed in this moment.
            Err(EffectError::Changed)
        }
    }

    async fn prepare(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.cluster.furnish(&grant.app, &assignment.routing, assignment.allow_root, grant.fence).await?;
        self.cluster.equip(grant, assignment).await
    }

    async fn start_phase(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.cluster.start_phase(grant, assignment).await
    }

    async fn end_phase(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        let written = self.ledger.phase_done(grant, release).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn create(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.cluster.create(grant, assignment, proc_type).await
    }

    async fn drain(&self, grant: &Grant, service: &Service, drain: &Drain) -> Result<(), EffectError> {
        self.cluster.drain(grant, service, drain).await
    }

    async fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> Result<(), EffectError> {
        self.cluster.resize(grant, controller, to, leaving).await
    }

    async fn replace(&self, grant: &Grant, pods: &[&Pod]) -> Result<(), EffectError> {
        self.cluster.replace(grant, pods).await
    }

    async fn spare(&self, grant: &Grant, pod_uids: &BTreeSet<String>) -> Result<(), EffectError> {
        let written = self.ledger.spare(grant, pod_uids).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn protect(&self, grant: &Grant, proc_type: &ProcType) -> Result<(), EffectError> {
        self.cluster.protect(grant, proc_type).await
    }

    async fn unprotect(&self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        self.cluster.unprotect(grant, budget).await
    }

    async fn take_back(&self, grant: &Grant, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        self.cluster.take_back(grant, autoscaler).await
    }

    async fn hold(&self, grant: &Grant, proc_type: &ProcType, count: Option<u32>) -> Result<(), EffectError> {
        let written = self.ledger.hold_count(grant, proc_type, count).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn entrust(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        let asked = assignment.processes.get(proc_type).copied().unwrap_or(0);
        let written = self.ledger.entrust_count(grant, assignment.release, proc_type, asked).await;
        held(grant, written.map_err(unavailable)?)
    }

    async fn hand_over(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.cluster.hand_over(grant, assignment, proc_type).await
    }

    async fn delete(&self, grant: &Grant, controller: &Controller) -> Result<(), EffectError> {
        self.cluster.delete(grant, controller).await
    }

    async fn tidy(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.cluster.tidy(grant, assignment).await
    }

    async fn demolish(&self, grant: &Grant, limit: Duration) -> Result<Demolition, EffectError> {
        self.cluster.demolish(&grant.app, grant.fence, limit).await
    }

    async fn let_go(&self, grant: &Grant) -> Result<(), EffectError> {
        for holder in &self.holders {
            holder.let_go(&grant.app).await?;
        }
        Ok(())
    }

    async fn forget(&self, grant: &Grant) -> Result<(), EffectError> {
        let written = self.ledger.forget(grant).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn settle(&self, grant: &Grant, intent: i64) -> Result<(), EffectError> {
        let written = self.ledger.settled(grant, intent).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn succeed(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        let written = self.ledger.deployed(grant, release).await.map_err(unavailable)?;
        held(grant, written)
    }

    async fn fail(
        &self,
        grant: &Grant,
        release: ReleaseVersion,
        failure: &Failure,
        log_tail: &[String],
    ) -> Result<(), EffectError> {
        let written = self.ledger.failed(grant, release, failure, log_tail).await.map_err(unavailable)?;
        held(grant, written)?;
        self.events.failed(&grant.app, release, failure);
        self.cluster.report(&grant.app, failure).await;
        Ok(())
    }
}

impl Surroundings for Outside {
    async fn assignment(&self, grant: &Grant) -> Result<Assignment, EffectError> {
        let found = self.ledger.assignment(grant).await.map_err(unavailable)?;
        found.ok_or_else(|| EffectError::Fenced(grant.app.clone()))
    }

    fn observe(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        self.cluster.observe(app, served, reachable)
    }

    async fn changed(&self, app: &AppName, since: u64, limit: Duration) {
        self.cluster.changed(app, since, limit).await;
    }

    async fn reachable(&self, app: &AppName, uids: &BTreeSet<String>) -> BTreeSet<String> {
        self.routers.reachable(app, uids).await
    }

    async fn drained(&self, app: &AppName, epoch: i64) {
        self.routers.drained(app, epoch).await;
    }

    async fn log_tail(&self, app: &AppName, pod: &str) -> Vec<String> {
        self.cluster.log_tail(app, pod).await
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}

fn held(grant: &Grant, written: bool) -> Result<(), EffectError> {
    if written { Ok(()) } else { Err(EffectError::Fenced(grant.app.clone())) }
}

/// Whatever the ledger says, the same step may succeed later; what it was stands in the log.
fn unavailable(error: Error) -> EffectError {
    tracing::warn!(error = ?error, "the ledger did not do its part of a deploy");
    EffectError::Unavailable("The ledger cannot be reached, trying again.".to_owned())
}
