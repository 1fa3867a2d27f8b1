use std::collections::BTreeSet;

use deis_api::{AppName, ProcType, ReleaseVersion};

use super::Answer;
use crate::deploy::failure::Failure;
use crate::deploy::{Assignment, Grant};

/// What deploys read and write. Every write is bound to the fence of the grant: `None` or `false` says that another holder of the
/// deploy lock has taken over (or that the app is gone).
pub trait Deploys: Send + Sync + 'static {
    /// An app's fence now: that of whoever deploys it.
    fn fence<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<i64>>;
    /// Raises an app's fence.
    fn begin_deploy<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Grant>>;
    /// What the app is to run, for whoever only looks.
    fn desired<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Assignment>>;
    /// What the app's latest release has that is deployed; one that is on its way may fail.
    fn deployed_release<'a>(&'a self, app: &'a AppName) -> Answer<'a, Option<Assignment>>;
    /// What the app is to run.
    fn assignment<'a>(&'a self, grant: &'a Grant) -> Answer<'a, Option<Assignment>>;
    /// Records that the release phase of a release came to its good end.
    fn phase_done<'a>(&'a self, grant: &'a Grant, release: ReleaseVersion) -> Answer<'a, bool>;
    /// Records the number of pods of a process type that an autoscaler has left, where that is known: it is the ledger's again. Nothing
    /// when it is so already.
    fn hold_count<'a>(&'a self, grant: &'a Grant, kind: &'a ProcType, count: Option<u32>) -> Answer<'a, bool>;
    /// Records that the number of pods of a process type is an autoscaler's, whose controller is this release's. Nothing when another
    /// release is wanted by now, another number than was `asked` for, or no autoscaler.
    fn entrust_count<'a>(
        &'a self,
        grant: &'a Grant,
        release: ReleaseVersion,
        kind: &'a ProcType,
        asked: u32,
    ) -> Answer<'a, bool>;
    /// Records that a release is deployed, and forgets the replicas of process types that it has not.
    fn deployed<'a>(&'a self, grant: &'a Grant, release: ReleaseVersion) -> Answer<'a, bool>;
    /// Records that a release failed and makes the latest good one the desired one.
    fn failed<'a>(
        &'a self,
        grant: &'a Grant,
        release: ReleaseVersion,
        failure: &'a Failure,
        log_tail: &'a [String],
    ) -> Answer<'a, bool>;
    /// Records that the cluster is as it was wanted at this intent, and forgets the restarts that were wanted up to then.
    fn settled<'a>(&'a self, grant: &'a Grant, intent: i64) -> Answer<'a, bool>;
    /// Forgets that these pods are to be replaced.
    fn spare<'a>(&'a self, grant: &'a Grant, pod_uids: &'a BTreeSet<String>) -> Answer<'a, bool>;
    /// Deletes an app that is being destroyed, with all that belongs to it.
    fn forget<'a>(&'a self, grant: &'a Grant) -> Answer<'a, bool>;
    /// The apps with a deploy under way, or of which something is wanted that has not come about yet.
    fn unsettled(&self) -> Answer<'_, Vec<AppName>>;
}
