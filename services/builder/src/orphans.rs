//! What builders that died have left: build pods, and folders on the volume.

use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Context, deadline};

use crate::error::Error;
use crate::ports::{Orphans, Runner};
use crate::process::Process;

/// After what time a builder that may just be dying is looked at again. One that is deleted by force is replaced before it is dead.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Removes it at the beginning, whenever something of a dead builder was in the way, and as long as there are build pods of others
/// that live: nobody else may look when one of those dies.
pub(crate) async fn remove(process: Arc<Process>, runner: Arc<dyn Runner>, context: Context, look_again: Duration) {
    loop {
        let left = runner.remove_orphans().await;
        let next = async {
            match left {
                Orphans::None => process.dead_met().await,
                Orphans::OfTheLiving => {
                    let _late = deadline(look_again, process.dead_met()).await;
                }
            }
        };
        if context.shutdown.run_until_cancelled(next).await.is_none() {
            return;
        }
        let process = Arc::clone(&process);
        let swept = context.tasks.blocking("sweep of the dead", move || process.sweep()).await;
        if let Err(error) = swept.map_err(Error::from).and_then(|swept| swept.map_err(Error::io("sweep"))) {
            tracing::warn!(%error, "what a builder that died has left stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;
    use tokio::sync::mpsc;

    use super::*;
    use crate::ports::{Call, Job, Running};

    const LIMIT: Duration = Duration::from_secs(20);

    /// Tells of each look, and finds the build pod of another that lives at the first two.
    struct Cluster {
        looks: mpsc::Sender<u32>,
        count: std::sync::atomic::AtomicU32,
    }

    impl Runner for Cluster {
        fn start(&self, _job: Job) -> Call<'_, Box<dyn Running>> {
            unreachable!("nobody pushes")
        }

        fn remove_orphans(&self) -> BoxFuture<'_, Orphans> {
            async {
                let look = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                self.looks.send(look).await.unwrap();
                if look <= 2 { Orphans::OfTheLiving } else { Orphans::None }
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn one_that_dies_later_is_seen_too() {
        let root = tempfile::tempdir().unwrap();
        let process = Process::begin(&root.path().join("data"), &root.path().join("sockets"), "builder").unwrap();
        let process = Arc::new(process);
        let context = Context::new("builder");
        let (looks, mut looked) = mpsc::channel(1);
        let cluster = Arc::new(Cluster { looks, count: Default::default() });
        context.tasks.spawn("orphans", remove(Arc::clone(&process), cluster, context.clone(), Duration::ZERO));
        let mut look = async || deadline(LIMIT, looked.recv()).await.unwrap();
        assert_eq!((look().await, look().await, look().await), (Some(1), Some(2), Some(3)));
        // There is nothing to look for any more, before somebody says so.
        process.met_dead();
        assert_eq!(look().await, Some(4));
        context.shutdown.cancel();
        assert_eq!(look().await, None);
    }
}
