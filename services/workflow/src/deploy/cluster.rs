use std::collections::BTreeSet;
use std::time::Duration;

use deis_api::{AppName, ProcType};
use deis_kube::objects::{Drain, Routing};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::effects::{EffectError, Grant};
use super::failure::Failure;
use super::goal::Assignment;
use super::world::{Autoscaler, Budget, Controller, Pod, Served, Service, World};
use crate::configs::tags::Tags;
use crate::ledger::CertificateTexts;

/// What a write to the cluster answers.
pub type Done<'a> = BoxFuture<'a, Result<(), EffectError>>;

/// How far the deletion of everything that an app has in Kubernetes is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demolition {
    /// Nothing is left.
    Gone,
    /// Something is; what, and what keeps it, in a sentence.
    Remains(String),
}

/// An app's pod as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Tells it from another one that had its name before.
    pub uid: String,
    /// `up`, `starting`, … as the REST contract has it.
    pub state: String,
    /// `v3`, or `canary`.
    pub release: String,
    /// The process type.
    pub proc_type: ProcType,
    /// Since when it runs, or when it was made.
    pub started: Timestamp,
    /// It was to be gone by then.
    pub overdue_at: Option<Timestamp>,
}

impl PodView {
    /// Whether it was taken out of its controller by hand, to be observed while it is served.
    #[must_use]
    pub fn is_canary(&self) -> bool {
        self.release == deis_kube::labels::CANARY
    }
}

/// Kubernetes, as far as apps need it. Reads come from watches, writes carry the grant's fence.
pub trait Cluster: Send + Sync + 'static {
    /// Whether a namespace of this name exists that is no app's.
    fn has_foreign_namespace<'a>(&'a self, app: &'a AppName) -> BoxFuture<'a, Result<bool, EffectError>>;
    /// Whether some node has all these labels.
    fn has_node<'a>(&'a self, tags: &'a Tags) -> BoxFuture<'a, Result<bool, EffectError>>;
    /// Makes these copies of certificates be where the routers read them.
    fn certify<'a>(&'a self, grant: &'a Grant, certificates: &'a [CertificateTexts]) -> Done<'a>;
    /// Makes the namespace, Service and pull Secret of an app be what they should be.
    fn furnish<'a>(&'a self, app: &'a AppName, routing: &'a Routing, allow_root: bool, fence: i64) -> Done<'a>;
    /// Makes the environment of a release be what it should be.
    fn equip<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a>;
    /// Creates the pod that runs the release phase.
    fn start_phase<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a>;
    /// Creates the controller of a process type with no replicas.
    fn create<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a>;
    /// Says on the app's Service which pods are about to go.
    fn drain<'a>(&'a self, grant: &'a Grant, service: &'a Service, drain: &'a Drain) -> Done<'a>;
    /// Sets a controller's replicas; `leaving` are the pods that go if it is fewer.
    fn resize<'a>(&'a self, grant: &'a Grant, controller: &'a Controller, to: u32, leaving: &'a [&'a Pod]) -> Done<'a>;
    /// Deletes pods, which their controller replaces.
    fn replace<'a>(&'a self, grant: &'a Grant, pods: &'a [&'a Pod]) -> Done<'a>;
    /// Makes a process type have its disruption budget.
    fn protect<'a>(&'a self, grant: &'a Grant, proc_type: &'a ProcType) -> Done<'a>;
    /// Deletes a disruption budget.
    fn unprotect<'a>(&'a self, grant: &'a Grant, budget: &'a Budget) -> Done<'a>;
    /// Deletes an autoscaler.
    fn take_back<'a>(&'a self, grant: &'a Grant, autoscaler: &'a Autoscaler) -> Done<'a>;
    /// Makes the autoscaler of a process type be what it should be.
    fn hand_over<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment, proc_type: &'a ProcType) -> Done<'a>;
    /// Deletes a controller with what is left of its pods.
    fn delete<'a>(&'a self, grant: &'a Grant, controller: &'a Controller) -> Done<'a>;
    /// Deletes an app's namespace with everything in it, and its copies of certificates, and waits for at most `limit` until it is gone. Fine when it is not there, or
    /// is no app's.
    fn demolish<'a>(
        &'a self,
        app: &'a AppName,
        fence: i64,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Demolition, EffectError>>;
    /// Deletes the environments of releases that have no controller, and the pods of release phases, except those of the assignment's and
    /// of whoever has taken over; and copies of certificates that it does not name.
    fn tidy<'a>(&'a self, grant: &'a Grant, assignment: &'a Assignment) -> Done<'a>;
    /// Says in Kubernetes why a release failed. Best effort.
    fn report<'a>(&'a self, app: &'a AppName, failure: &'a Failure) -> BoxFuture<'a, ()>;
    /// What exists of an app. Pods of `served` types are reachable if their uid is in `reachable`, all others are.
    fn observe(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World;
    /// Waits until the app's world has a higher generation than `since`, but at most `limit`.
    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()>;
    /// The last lines that a pod's process printed, also before it was started again. Best effort.
    fn log_tail<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Vec<String>>;
}

/// The pods of apps, for those who only look; no call goes to Kubernetes.
pub trait PodList: Send + Sync + 'static {
    /// An app's pods.
    fn pods(&self, app: &AppName) -> Vec<PodView>;
    /// What exists of an app, as [`Cluster::observe`].
    fn world(&self, app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World;
    /// Whether an app's Service is what it should be.
    fn is_served(&self, app: &AppName, routing: &Routing) -> bool;
}

/// All routers that are alive.
pub trait Routers: Send + Sync + 'static {
    /// Those of the pods that every live router can choose; all of them when no router is alive. Answers within seconds.
    fn reachable<'a>(&'a self, app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>>;
    /// Waits until every router, those included that are about to end, goes by this epoch of the app's drain; at most 2 s.
    fn drained<'a>(&'a self, app: &'a AppName, epoch: i64) -> BoxFuture<'a, ()>;
}
