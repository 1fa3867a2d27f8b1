//! What a deploy needs of the world outside: reading through [`Surroundings`], writing through [`Effects`] alone.

use std::collections::BTreeSet;
use std::time::Duration;

use deis_api::{AppName, Code, ProcType, ReleaseVersion};
use deis_kube::objects::Drain;

use super::cluster::Demolition;
use super::failure::Failure;
use super::goal::Assignment;
use super::world::{Autoscaler, Budget, Controller, Pod, Served, Service, World};

/// The right to write for one app, from the moment the deploy lock was taken until somebody else takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The app.
    pub app: AppName,
    /// Grows with every holder; writes under a lower fence than the ledger's are refused.
    pub fence: i64,
}

/// A step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// The world has changed since it was looked at.
    #[error("the world has changed in the meantime")]
    Changed,
    /// Another process has taken over.
    #[error("another process has taken over the deploy of {0}")]
    Fenced(AppName),
    /// The app is not in the ledger (any more).
    #[error("there is no app {0}")]
    Gone(AppName),
    /// Kubernetes refuses.
    #[error("{0}")]
    Refused(String),
    /// Kubernetes or a store cannot be reached; the same step can succeed later.
    #[error("{0}")]
    Unavailable(String),
}

impl EffectError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Changed => Code::RevisionMismatch,
            Self::Fenced(_) => Code::Fenced,
            Self::Gone(_) => Code::NotFound,
            Self::Refused(_) => Code::PodRefused,
            Self::Unavailable(_) => Code::Unavailable,
        }
    }
}

/// Every write that a deploy makes.
pub trait Effects: Send + Sync + 'static {
    /// Takes over an app: raises its fence in the ledger.
    fn begin(&self, app: &AppName) -> impl Future<Output = Result<Grant, EffectError>> + Send;
    /// Makes copies of the certificates that the app's domains have be where the routers read them; before the Service names them.
    fn certify(&self, grant: &Grant, assignment: &Assignment) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Makes the app's namespace, Service and Secrets be what they should be.
    fn prepare(&self, grant: &Grant, assignment: &Assignment) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Creates the pod that runs the release phase.
    fn start_phase(
        &self,
        grant: &Grant,
        assignment: &Assignment,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that the release phase came to its good end.
    fn end_phase(&self, grant: &Grant, release: ReleaseVersion)
    -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Creates the controller of a process type with no replicas.
    fn create(
        &self,
        grant: &Grant,
        assignment: &Assignment,
        proc_type: &ProcType,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Tells the routers, through the app's Service, which pods are about to go.
    fn drain(
        &self,
        grant: &Grant,
        service: &Service,
        drain: &Drain,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Sets a controller's replicas; `leaving` are the pods that go if it is fewer.
    fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes pods that are not ready, so that their controller makes new ones.
    fn replace(&self, grant: &Grant, pods: &[&Pod]) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that these pods are not to be replaced any more.
    fn spare(&self, grant: &Grant, pod_uids: &BTreeSet<String>)
    -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Makes a process type have its disruption budget.
    fn protect(&self, grant: &Grant, proc_type: &ProcType) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes a disruption budget that nothing needs any more.
    fn unprotect(&self, grant: &Grant, budget: &Budget) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes an autoscaler.
    fn take_back(&self, grant: &Grant, autoscaler: &Autoscaler)
    -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records how many pods of a process type an autoscaler has left, where that is known, and that they are nobody's number but the
    /// ledger's. Nothing, if somebody has asked for another number meanwhile.
    fn hold(
        &self,
        grant: &Grant,
        proc_type: &ProcType,
        count: Option<u32>,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that the number of a process type's pods is an autoscaler's. Nothing, if something else is wanted meanwhile.
    fn entrust(
        &self,
        grant: &Grant,
        assignment: &Assignment,
        proc_type: &ProcType,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Makes a process type's autoscaler be what it should be.
    fn hand_over(
        &self,
        grant: &Grant,
        assignment: &Assignment,
        proc_type: &ProcType,
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes a controller with what is left of its pods.
    fn delete(&self, grant: &Grant, controller: &Controller) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes what belongs to no release that has a controller, and copies of certificates that no domain of the app has.
    fn tidy(&self, grant: &Grant, assignment: &Assignment) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes everything that the app has in Kubernetes and waits for at most `limit` until it is gone.
    fn demolish(&self, grant: &Grant, limit: Duration) -> impl Future<Output = Result<Demolition, EffectError>> + Send;
    /// Has the other services let go of what they keep of the app.
    fn let_go(&self, grant: &Grant) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Deletes the app from the ledger: its name is free.
    fn forget(&self, grant: &Grant) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that the cluster is as it was wanted at this intent.
    fn settle(&self, grant: &Grant, intent: i64) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that a release is deployed.
    fn succeed(&self, grant: &Grant, release: ReleaseVersion) -> impl Future<Output = Result<(), EffectError>> + Send;
    /// Records that a release failed and makes the last good one the desired one again.
    fn fail(
        &self,
        grant: &Grant,
        release: ReleaseVersion,
        failure: &Failure,
        log_tail: &[String],
    ) -> impl Future<Output = Result<(), EffectError>> + Send;
}

/// Everything that a deploy reads.
pub trait Surroundings: Send + Sync + 'static {
    /// What the ledger wants now; refuses a grant that is not the newest.
    fn assignment(&self, grant: &Grant) -> impl Future<Output = Result<Assignment, EffectError>> + Send;
    /// What exists now. Pods of `served` types count as reachable when their uid is in `reachable`.
    fn observe(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World;
    /// Waits until the app's world has a higher generation than `since`, but at most `limit`.
    fn changed(&self, app: &AppName, since: u64, limit: Duration) -> impl Future<Output = ()> + Send;
    /// Those of the pods that every live router can choose; answers within seconds.
    fn reachable(&self, app: &AppName, uids: &BTreeSet<String>) -> impl Future<Output = BTreeSet<String>> + Send;
    /// Waits until every router goes by this epoch of the app's drain, but at most 2 s: it does not matter to a deploy who has not
    /// said so by then.
    fn drained(&self, app: &AppName, epoch: i64) -> impl Future<Output = ()> + Send;
    /// The last lines that a pod's process printed.
    fn log_tail(&self, app: &AppName, pod: &str) -> impl Future<Output = Vec<String>> + Send;
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
}
