//! What is kept for an app, from outside of a push: its cache, its running build, and the end of all of it.

use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, GitSha, Username};
use deis_bootstrap::deadline;

use crate::Error;
use crate::git::Repositories;
use crate::ports::Locks;
use crate::push::Pushes;

/// How long a build that is cancelled may take to end: its pod is deleted by then.
const ENDING: Duration = Duration::from_secs(30);

/// The apps' belongings.
pub(crate) struct Apps {
    pub(crate) pushes: Arc<Pushes>,
    pub(crate) repositories: Repositories,
    pub(crate) locks: Arc<dyn Locks>,
}

impl Apps {
    /// Empties the build cache; how many bytes that freed.
    pub(crate) async fn clear_cache(&self, app: &AppName) -> Result<u64, Error> {
        self.pushes.builds.forget(app).await
    }

    /// Ends the build that runs in this process; its commit.
    pub(crate) async fn cancel_build(&self, app: &AppName, by: Username) -> Result<GitSha, Error> {
        let cancelled = deadline(ENDING, self.pushes.running.cancel(app, Error::CancelledBy(by))).await;
        let cancelled = cancelled.map_err(|_| Error::Internal("the build does not end".to_owned()))?;
        cancelled.ok_or_else(|| Error::NoBuild(app.clone()))
    }

    /// Removes all that there is of an app. Some of it may be gone already: whoever was interrupted asks again.
    ///
    /// A push that runs here is ended, and one that runs in another builder, which is asked as well, is waited for: nothing is taken
    /// from under a push.
    pub(crate) async fn delete(&self, app: &AppName) -> Result<(), Error> {
        self.pushes.running_pushes.destroy(app);
        let lock = self.locks.outlast(app.clone()).await?.map_err(Error::PushInProgress)?;
        let removed = async {
            self.repositories.remove(app).await?;
            self.pushes.builds.forget(app).await?;
            self.pushes.builds.registry.delete(app).await
        }
        .await;
        lock.give_back().await;
        removed
    }
}
