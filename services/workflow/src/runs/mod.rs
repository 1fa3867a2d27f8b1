//! Commands that users run once in an app's image: each in a pod of its own, which goes when it has ended.
//!
//! A run belongs to no release and to no deploy: it takes no lock and raises no fence. Its pod has a name that no other has, so that there
//! is nothing to overwrite; whoever waits for it deletes it at its end, and [`Runs::prune`] what is left where nobody does any more.

mod attached;
mod authority;
mod failure;
mod one_off;
mod session;
mod wait;

pub use attached::{Attached, Client};
pub use authority::Authority;
pub use deis_kube::objects::Attendance;
pub use failure::repeated;
pub use one_off::{Connected, Look, OneOff, OneOffs, Output, State};
pub use wait::Ended;

use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, Code, Username};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::deploy::EffectError;
use crate::error::{Error, Kind};
use crate::ledger::{App, Change, Ledger, RequestKey};
use crate::logs::Events;

/// How long a command may take unless its user says otherwise, as in the original.
pub const USUAL: Duration = Duration::from_secs(20 * 60);
/// How long one may take for which nobody waits, unless its user says otherwise.
pub const USUAL_DETACHED: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that can be asked for.
pub const LONGEST: Duration = USUAL_DETACHED;

/// What is to be run.
#[derive(Clone)]
pub struct Request {
    /// For a shell in the app's container.
    pub command: String,
    /// How long it may take.
    pub limit: Duration,
    /// Makes a repeat recognisable.
    pub key: RequestKey,
    /// Who works with it.
    pub attendance: Attendance,
}

/// A command that has its pod.
#[derive(Clone)]
pub struct Started {
    /// The command.
    pub one_off: OneOff,
    /// Whether this request has made the pod, and none before that it repeats.
    pub is_new: bool,
}

/// Runs commands.
#[derive(Clone)]
pub struct Runs {
    pods: Arc<dyn OneOffs>,
    shutdown: CancellationToken,
}

impl Runs {
    /// Prepares; nothing runs yet.
    #[must_use]
    pub const fn new(pods: Arc<dyn OneOffs>, shutdown: CancellationToken) -> Self {
        Self { pods, shutdown }
    }

    /// Makes the pod of a command. It runs on the latest release that is deployed: one that is still being deployed may fail.
    ///
    /// # Errors
    /// [`Error::Refused`] without a build; [`Error::RunFailed`] when Kubernetes does not take the pod.
    pub async fn start(
        &self,
        ledger: &dyn Ledger,
        events: &Events,
        user: &Username,
        app: &App,
        request: Request,
    ) -> Result<Started, Error> {
        app.check_stays()?;
        let missing = || Error::Missing(Kind::App);
        let assignment = ledger.deployed_release(&app.id).await?.ok_or_else(missing)?;
        if assignment.image.is_none() {
            return Err(Error::refused(Code::NoBuild, "No build associated with this release to run this command"));
        }
        let fence = ledger.fence(&app.id).await?.ok_or_else(missing)?;
        let one_off = OneOff::new(assignment, fence, request);
        let pod = one_off.pod();
        // Before it is there: nobody runs anything unseen.
        ledger.note(Change::app(&app.id, "run.start", Value::Null, json!({ "pod": pod }))).await?;
        match self.pods.start(&one_off).await {
            Ok(()) => {
                tracing::info!(app = %app.id, pod, "{user} runs a command");
                events.record(&app.id, "run", format!("{user} on {pod} runs '{}'", one_off.command));
                Ok(Started { one_off, is_new: true })
            }
            Err(EffectError::Changed) => Ok(Started { one_off, is_new: false }),
            Err(error) => Err(failure::of_start(&one_off, error)),
        }
    }

    /// Waits until a command has ended, and takes its pod away.
    ///
    /// # Errors
    /// [`Error::RunFailed`] when it cannot be started, takes too long or is lost; and when this process ends, while the command goes on.
    pub async fn ended(&self, one_off: &OneOff) -> Result<Ended, Error> {
        let Some(ended) = self.shutdown.run_until_cancelled(wait::ended(self.pods.as_ref(), one_off)).await else {
            return Err(failure::of_shutdown(one_off));
        };
        self.remove(one_off.app(), &one_off.pod()).await;
        ended
    }

    /// Waits until a command has ended for which no client waits, and says in the app's log how. Its pod stays for a while: whoever asks for
    /// its last lines finds them there.
    pub async fn watched(&self, events: &Events, one_off: &OneOff) {
        let outcome = self.shutdown.run_until_cancelled(wait::end(self.pods.as_ref(), one_off)).await;
        let text = match outcome {
            // It goes on, and another process prunes what is left of it.
            None => return,
            Some(Ok(code)) => format!("{} ended with exit code {code}", one_off.pod()),
            Some(Err(error)) => {
                // What has not been started is not to be started later, when nobody expects it any more.
                self.remove(one_off.app(), &one_off.pod()).await;
                error.to_string()
            }
        };
        events.record(one_off.app(), "run", text);
    }

    /// Takes away the pods that have ended a while ago, or were never started in the time that they had: whoever waited for them is gone.
    pub async fn prune(&self, now: Timestamp) {
        for (app, pod) in self.pods.idle(now) {
            self.remove(&app, &pod).await;
        }
    }

    async fn remove(&self, app: &AppName, pod: &str) {
        if let Err(error) = self.pods.remove(app, pod).await {
            tracing::warn!(%app, pod, %error, "a pod that has run a command stays until it is pruned");
        }
    }
}
