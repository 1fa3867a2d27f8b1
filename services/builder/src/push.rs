//! A push, from git's question to its answer: build, release, deploy.

mod check;
mod deploy;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deis_api::{AppName, GitSha, ReleaseVersion, Username};
use deis_bootstrap::{Context, TaskHandle, deadline};
use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use check::check;

use crate::Error;
use crate::build::{Builds, Order};
use crate::git::{Repository, Update, to_build};
use crate::hook::{HookConnection, HookSocket, Lines};
use crate::metrics::Metrics;
use crate::ports::{Controller, FailedBuild, NewBuild};
use crate::process::Process;
use crate::running::{Presence, RunningBuilds, RunningPushes};
use crate::size;

/// The config variable that turns the build cache off, whatever its value.
const DISABLE_CACHE: &str = "DEIS_DISABLE_CACHE";

/// Why a push ends whose app goes.
pub(crate) const DESTROYED: &str = "the app was destroyed";

/// What pushes have in common.
pub(crate) struct Pushes {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) builds: Builds,
    /// Under which name nodes pull: "127.0.0.1:5555".
    pub(crate) image_host: String,
    pub(crate) process: Arc<Process>,
    /// How long a build may go on when this process is asked to end.
    pub(crate) grace: Duration,
    pub(crate) running: RunningBuilds,
    pub(crate) running_pushes: RunningPushes,
    pub(crate) metrics: Metrics,
    pub(crate) context: Context,
}

/// One push. Whoever has started it holds the lock of its app.
pub(crate) struct Push {
    app: AppName,
    user: Username,
    repository: Repository,
    ends: Ends,
}

/// What ends a push from outside.
pub(crate) struct Ends {
    /// The lock may be somebody else's.
    pub(crate) lock_lost: CancellationToken,
    /// The person who pushed went away.
    pub(crate) gone: CancellationToken,
    pub(crate) destroyed: CancellationToken,
}

impl Push {
    pub(crate) fn new(app: AppName, user: Username, repository: Repository, ends: Ends) -> Self {
        Self { app, user, repository, ends }
    }
}

impl Pushes {
    /// Where the hooks of pushes ask.
    pub(crate) fn sockets(&self) -> &Path {
        self.process.sockets()
    }

    /// Waits for the hook of a push and serves it; whether it has asked. The task ends after `git_ended` when it has not by then; one
    /// that has not asked when its app is destroyed is `unwanted`.
    pub(crate) fn start(
        self: &Arc<Self>,
        push: Push,
        socket: HookSocket,
        git_ended: CancellationToken,
        unwanted: CancellationToken,
    ) -> TaskHandle<bool> {
        let pushes = Arc::clone(self);
        let span = tracing::info_span!("push", app = %push.app, user = %push.user);
        let attend = async move {
            tokio::select! {
                asked = socket.accept() => match asked {
                    Ok(connection) => pushes.attend(push, connection, &git_ended).await,
                    Err(error) => tracing::error!(%error, "a hook was not understood"),
                },
                () = git_ended.cancelled() => return false,
                () = push.ends.destroyed.cancelled() => {
                    unwanted.cancel();
                    return false;
                }
            }
            true
        };
        self.context.tasks.spawn("push", attend.instrument(span))
    }

    async fn attend(&self, push: Push, mut connection: HookConnection, git_ended: &CancellationToken) {
        let started = Instant::now();
        let updates = std::mem::take(&mut connection.updates);
        let quarantine = std::mem::take(&mut connection.quarantine);
        let (lines, writer, mut hook) = connection.into_parts();
        let writer = self.context.tasks.spawn("push output", writer.run());

        // The hook says nothing more: the end of its stream is its own end, and git's.
        let hook_ended = CancellationToken::new();
        let watch = {
            let hook_ended = hook_ended.clone();
            self.context.tasks.spawn("push hook", async move {
                drop(hook.read(&mut [0; 1]).await);
                hook_ended.cancel();
            })
        };
        let outcome = self.run(&push, &updates, quarantine, &hook_ended, &lines).await;
        self.metrics.observe(&outcome, started.elapsed());
        match &outcome {
            Ok(version) => tracing::info!(%version, "deployed"),
            Err(error) => {
                tracing::info!(code = %error.code(), %error, "not deployed");
                lines.say(last_line(error)).await;
            }
        }
        drop(lines);
        if let Ok(end) = writer.await {
            if outcome.is_ok() {
                let moving = async {
                    end.exit(0).await;
                    git_ended.cancelled().await;
                    Ok(())
                };
                drop(self.builds.effects.move_ref(moving.boxed()).await);
            } else {
                end.exit(1).await;
            }
        }
        watch.abort();
    }

    async fn run(
        &self,
        push: &Push,
        updates: &[Update],
        quarantine: crate::git::Quarantine,
        hook_ended: &CancellationToken,
        lines: &Lines,
    ) -> Result<ReleaseVersion, Error> {
        let update = to_build(updates)?;
        let sha = &update.new;
        check(&push.repository, update, &quarantine).await?;
        lines.say("Starting build... but first, coffee!").await;
        let environment = self.controller.environment(push.user.clone(), push.app.clone()).await?;
        let order = Order {
            app: push.app.clone(),
            sha: sha.clone(),
            repository: push.repository.clone(),
            quarantine,
            is_caching: !environment.contains_key(DISABLE_CACHE),
            environment,
        };
        let request_key = uuid::Uuid::now_v7().to_string();
        let mut presence = self.running.enter(&push.app, sha);
        let built = self.builds.build(order, lines, self.stop(push, hook_ended, &mut presence)).await;
        // From here on it cannot be cancelled; whoever has done that hears that the pod is gone.
        drop(presence);
        let built = match built {
            Ok(built) => built,
            Err(error) => {
                self.record(push, request_key, sha.clone(), &error, lines).await;
                return Err(error);
            }
        };
        lines.say(format!("-----> Compiled slug size is {}", size::human(built.size))).await;
        lines.say("Build complete.").await;

        // From here on the release may exist: nobody's going away stops it, but for the app's own.
        lines.say("Launching App...").await;
        let build = NewBuild {
            request_key,
            user: push.user.clone(),
            app: push.app.clone(),
            image: format!("{}/{}@{}", self.image_host, push.app, built.digest),
            sha: sha.clone(),
            processes: built.processes,
            detected: built.detected,
            log: lines.log(),
        };
        let version = tokio::select! {
            version = deploy::deploy(self.controller.as_ref(), &build, lines) => version?,
            () = push.ends.destroyed.cancelled() => return Err(Error::PushCancelled(DESTROYED)),
        };
        if let Err(error) = self.builds.effects.set_head(push.repository.set_head(&update.name).boxed()).await {
            tracing::warn!(%error, "clones will begin with another branch");
        }
        lines.say(format!("Done, {}:{version} deployed to Deis", push.app)).await;
        lines.say("").await;
        lines.say("Use 'deis open' to view this application in your browser").await;
        lines.say("").await;
        Ok(version)
    }

    /// Tells the controller of a build without an image. The person who pushed hears of it in any case.
    async fn record(&self, push: &Push, request_key: String, sha: GitSha, error: &Error, lines: &Lines) {
        let build = FailedBuild {
            request_key,
            user: push.user.clone(),
            app: push.app.clone(),
            sha,
            code: error.code(),
            message: error.to_string(),
            log: format!("{}{}\n", lines.log(), last_line(error)),
        };
        if let Err(error) = self.controller.record_failed_build(build).await {
            tracing::warn!(%error, "a failed build is not recorded");
        }
    }

    /// Resolves when the build is not wanted any more.
    async fn stop(&self, push: &Push, hook_ended: &CancellationToken, presence: &mut Presence) -> Error {
        Error::Cancelled(tokio::select! {
            reason = presence.cancelled() => return reason,
            () = push.ends.gone.cancelled() => "the connection to the person who pushed is gone",
            () = push.ends.destroyed.cancelled() => DESTROYED,
            () = hook_ended.cancelled() => "git has ended",
            () = push.ends.lock_lost.cancelled() => "the push lock was lost; push again",
            () = self.grace_ends() => "the builder is restarting; push again in a moment",
        })
    }

    /// Resolves when this process was asked to end and cannot wait any longer: whoever pushed hears that from us.
    pub(crate) async fn grace_ends(&self) {
        self.context.shutdown.cancelled().await;
        let _ended = deadline(self.grace, std::future::pending::<()>()).await;
    }
}

/// How a push that failed ends.
fn last_line(error: &Error) -> String {
    format!(" !     {error} ({})", error.code())
}
