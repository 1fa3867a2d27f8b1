//! The builds and pushes that run, and how they are ended from outside.

use std::collections::HashMap;
use std::sync::Arc;

use deis_api::{AppName, GitSha};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::Error;

/// The builds that may still be cancelled, by app: there is one at a time.
#[derive(Clone, Default)]
pub(crate) struct RunningBuilds {
    builds: Arc<Mutex<HashMap<AppName, Running>>>,
}

struct Running {
    sha: GitSha,
    cancel: oneshot::Sender<Cancellation>,
}

/// Somebody does not want the build any more.
struct Cancellation {
    reason: Error,
    /// Told when the build has ended by this and its pod is gone; dropped when the build was faster.
    done: oneshot::Sender<()>,
}

/// A build in the list. It leaves with this.
pub(crate) struct Presence {
    builds: RunningBuilds,
    app: AppName,
    cancelled: oneshot::Receiver<Cancellation>,
    done: Option<oneshot::Sender<()>>,
}

impl RunningBuilds {
    pub(crate) fn enter(&self, app: &AppName, sha: &GitSha) -> Presence {
        let (cancel, cancelled) = oneshot::channel();
        self.builds.lock().insert(app.clone(), Running { sha: sha.clone(), cancel });
        Presence { builds: self.clone(), app: app.clone(), cancelled, done: None }
    }

    /// Ends the app's build for `reason` and waits until it has ended; its commit. None when there is no build that this ends.
    pub(crate) async fn cancel(&self, app: &AppName, reason: Error) -> Option<GitSha> {
        let Running { sha, cancel } = self.builds.lock().remove(app)?;
        let (done, ended) = oneshot::channel();
        cancel.send(Cancellation { reason, done }).ok()?;
        ended.await.ok().map(|()| sha)
    }
}

impl Presence {
    /// Waits for somebody who does not want the build any more; why.
    pub(crate) async fn cancelled(&mut self) -> Error {
        match (&mut self.cancelled).await {
            Ok(Cancellation { reason, done }) => {
                self.done = Some(done);
                reason
            }
            // Nobody can any more: another build has taken the place.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut builds = self.builds.builds.lock();
        // By now the place may be another build's, whose cancellation is not ours.
        self.cancelled.close();
        if builds.get(&self.app).is_some_and(|running| running.cancel.is_closed()) {
            builds.remove(&self.app);
        }
        drop(builds);
        if let Some(done) = self.done.take() {
            // Whoever asked may be gone.
            let _gone = done.send(());
        }
    }
}

/// The pushes that run, by app: they end when their app is destroyed.
#[derive(Clone, Default)]
pub(crate) struct RunningPushes {
    pushes: Arc<Mutex<HashMap<AppName, CancellationToken>>>,
}

/// A push in the list. It leaves with this.
pub(crate) struct PushPresence {
    pushes: RunningPushes,
    app: AppName,
    destroyed: CancellationToken,
}

impl RunningPushes {
    /// Whoever enters has the push lock of the app.
    pub(crate) fn enter(&self, app: &AppName) -> PushPresence {
        let destroyed = CancellationToken::new();
        self.pushes.lock().insert(app.clone(), destroyed.clone());
        PushPresence { pushes: self.clone(), app: app.clone(), destroyed }
    }

    /// Tells the push that its app is destroyed. It has ended when its lock is free.
    pub(crate) fn destroy(&self, app: &AppName) {
        if let Some(destroyed) = self.pushes.lock().get(app) {
            destroyed.cancel();
        }
    }
}

impl PushPresence {
    /// Cancelled when the app is destroyed.
    pub(crate) fn destroyed(&self) -> CancellationToken {
        self.destroyed.clone()
    }
}

impl Drop for PushPresence {
    fn drop(&mut self) {
        self.pushes.pushes.lock().remove(&self.app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (AppName, GitSha) {
        ("app".parse().unwrap(), "a".repeat(40).parse().unwrap())
    }

    #[tokio::test]
    async fn whoever_cancels_waits_for_the_end() {
        let (app, sha) = names();
        let builds = RunningBuilds::default();
        let mut presence = builds.enter(&app, &sha);
        let build = async {
            let reason = presence.cancelled().await;
            drop(presence);
            reason.to_string()
        };
        let (cancelled, reason) = tokio::join!(builds.cancel(&app, Error::Cancelled("why not")), build);
        assert_eq!((cancelled, reason.as_str()), (Some(sha), "The build was cancelled: why not."));
        assert_eq!(builds.cancel(&app, Error::Cancelled("again")).await, None);
    }

    #[tokio::test]
    async fn a_build_that_was_faster_was_not_cancelled() {
        let (app, sha) = names();
        let builds = RunningBuilds::default();
        let presence = builds.enter(&app, &sha);
        let end = async { drop(presence) };
        assert_eq!(tokio::join!(builds.cancel(&app, Error::Cancelled("late")), end).0, None);
        drop(builds.enter(&app, &sha));
        assert!(builds.builds.lock().is_empty());
    }
}
