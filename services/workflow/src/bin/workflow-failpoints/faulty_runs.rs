//! A failpoint at both sides of everything that a command writes that somebody runs once.

use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use deis_failpoints::Failpoints;
use deis_workflow::deploy::EffectError;
use deis_workflow::deploy::cluster::Done;
use deis_workflow::runs::{Connected, Look, OneOff, OneOffs, Output};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::names;

/// Pods with a failpoint at both sides of every write.
pub(crate) struct FaultyRuns {
    pub(crate) pods: Arc<dyn OneOffs>,
    pub(crate) failpoints: Failpoints,
}

impl OneOffs for FaultyRuns {
    fn start<'a>(&'a self, one_off: &'a OneOff) -> Done<'a> {
        Box::pin(self.failpoints.around(names::START_RUN, self.pods.start(one_off)))
    }

    fn remove<'a>(&'a self, app: &'a AppName, pod: &'a str) -> Done<'a> {
        Box::pin(self.failpoints.around(names::REMOVE_RUN, self.pods.remove(app, pod)))
    }

    fn look(&self, app: &AppName, pod: &str) -> Look {
        self.pods.look(app, pod)
    }

    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()> {
        self.pods.changed(app, since, limit)
    }

    fn output<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Result<Output, EffectError>> {
        self.pods.output(app, pod)
    }

    fn attach<'a>(&'a self, app: &'a AppName, pod: &'a str, has_terminal: bool) -> Connected<'a> {
        self.pods.attach(app, pod, has_terminal)
    }

    fn exec<'a>(&'a self, app: &'a AppName, pod: &'a str, command: &'a [String], has_terminal: bool) -> Connected<'a> {
        self.pods.exec(app, pod, command, has_terminal)
    }

    fn idle(&self, now: Timestamp) -> Vec<(AppName, String)> {
        self.pods.idle(now)
    }
}
