use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// All tasks of a process, by name, so that shutdown waits for them and can say which one held it up.
///
/// A task that panics ends the process: what it was responsible for is not done any more, and a restart is the honest answer.
#[derive(Clone, Debug)]
pub struct Tasks {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tracker: TaskTracker,
    running: Mutex<Running>,
    shutdown: CancellationToken,
    failed: AtomicBool,
}

#[derive(Debug, Default)]
struct Running {
    next_id: u64,
    names: BTreeMap<u64, &'static str>,
}

/// A task ended without a result: it panicked, or the process is ending.
#[derive(Debug, thiserror::Error)]
#[error("the task \"{name}\" ended without a result")]
pub struct TaskFailed {
    name: &'static str,
    source: tokio::task::JoinError,
}

/// A spawned task. Await it for its result, or drop it: the task goes on.
#[derive(Debug)]
pub struct TaskHandle<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

impl<T> TaskHandle<T> {
    /// Ends the task at its next await.
    pub fn abort(&self) {
        self.handle.abort();
    }
}

impl<T> Future for TaskHandle<T> {
    type Output = Result<T, TaskFailed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let name = self.name;
        Pin::new(&mut self.handle).poll(cx).map_err(|source| TaskFailed { name, source })
    }
}

impl Tasks {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                tracker: TaskTracker::new(),
                running: Mutex::default(),
                shutdown,
                failed: AtomicBool::new(false),
            }),
        }
    }

    /// Spawns a task. It must end by itself when the process's shutdown token is cancelled.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> TaskHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let presence = self.enter(name);
        let task = async move {
            let output = future.await;
            presence.done();
            output
        };
        TaskHandle { name, handle: self.inner.tracker.spawn(task.in_current_span()) }
    }

    /// Runs something that blocks on a thread of its own.
    ///
    /// # Errors
    /// It panicked.
    pub async fn blocking<T, F>(&self, name: &'static str, work: F) -> Result<T, TaskFailed>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let presence = self.enter(name);
        let span = tracing::Span::current();
        let handle = self.inner.tracker.spawn_blocking(move || {
            let output = span.in_scope(work);
            presence.done();
            output
        });
        TaskHandle { name, handle }.await
    }

    /// Whether a task has panicked.
    pub(crate) fn failed(&self) -> bool {
        self.inner.failed.load(Ordering::Relaxed)
    }

    /// Waits until no task runs.
    pub async fn finished(&self) {
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    /// The names of the tasks that run now.
    #[must_use]
    pub fn running(&self) -> Vec<&'static str> {
        self.inner.running.lock().names.values().copied().collect()
    }

    fn enter(&self, name: &'static str) -> Presence {
        let mut running = self.inner.running.lock();
        let id = running.next_id;
        running.next_id += 1;
        running.names.insert(id, name);
        Presence { inner: Arc::clone(&self.inner), id, name }
    }
}

/// Keeps a task's name among the running ones; notices a panic because `done` was not reached.
struct Presence {
    inner: Arc<Inner>,
    id: u64,
    name: &'static str,
}

impl Presence {
    fn done(self) {
        drop(self);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.inner.running.lock().names.remove(&self.id);
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked: the process ends");
            self.inner.failed.store(true, Ordering::Relaxed);
            self.inner.shutdown.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_come_back_and_names_go() {
        let tasks = Tasks::new(CancellationToken::new());
        assert_eq!(tasks.spawn("answer", async { 42 }).await.unwrap(), 42);
        assert_eq!(tasks.blocking("sum", || 1 + 1).await.unwrap(), 2);
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let waiting = tasks.spawn("waiting", released);
        assert_eq!(tasks.running(), ["waiting"]);
        release.send(()).unwrap();
        waiting.await.unwrap().unwrap();
        tasks.finished().await;
        assert!(tasks.running().is_empty());
    }

    #[tokio::test]
    async fn a_panic_asks_the_process_to_end() {
        let shutdown = CancellationToken::new();
        let tasks = Tasks::new(shutdown.clone());
        let failed = tasks.spawn("broken", async { panic!("on purpose") }).await;
        assert!(failed.is_err());
        shutdown.cancelled().await;
        assert!(tasks.failed());
    }
}
