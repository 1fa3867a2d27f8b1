use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::{Tasks, deadline};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::presence::Presence;

/// How long to wait when the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What all listeners share: how many connections there may be, and how they end.
///
/// The end has three steps. Draining (the process's shutdown token): whatever is under way is finished, the next answer on each connection is
/// its last and says so, and new connections are still served, once. `closed`: no connection is left or time is up, and no more are accepted.
/// `cut`: what is still open is dropped, websockets with a word.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    pub(crate) tasks: Tasks,
    pub(crate) closed: CancellationToken,
    pub(crate) cut: CancellationToken,
    pub(crate) active: TaskTracker,
    room: Arc<Semaphore>,
    pub(crate) connections: Gauge,
}

impl Doors {
    pub(crate) fn new(tasks: Tasks, cut: CancellationToken, room: usize) -> Self {
        Self {
            tasks,
            closed: CancellationToken::new(),
            cut,
            active: TaskTracker::new(),
            room: Arc::new(Semaphore::new(room)),
            connections: Gauge::default(),
        }
    }

    /// Accepts connections until `closed`, each served in a task of its own.
    pub(crate) async fn accept<F, Fut>(self, name: &'static str, listener: TcpListener, serve: F)
    where
        F: Fn(TcpStream, SocketAddr, Arc<Presence>) -> Fut + Send,
        Fut: Future<Output = ()> + Send + 'static,
    {
        loop {
            let next = async {
                let room = Arc::clone(&self.room).acquire_owned().await;
                (room, listener.accept().await)
            };
            let (room, accepted) = tokio::select! {
                next = next => next,
                () = self.closed.cancelled() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    if deadline(PAUSE, self.closed.cancelled()).await.is_ok() {
                        return;
                    }
                    continue;
                }
            };
            // Without room there is no semaphore any more, which nobody closes.
            let Ok(room) = room else { return };
            let presence = Arc::new(Presence::new(&self.connections, room, self.active.token()));
            let cut = self.cut.clone();
            // Small writes are the last of something: there is nothing to wait for.
            // In a box, for a task has room for its future several times.
            let served = stream.set_nodelay(true).map(|()| Box::pin(serve(stream, address, presence)));
            if let Ok(served) = served {
                self.tasks.spawn(name, async move {
                    tokio::select! {
                        () = served => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        }
    }

    /// Waits until nothing is under way, at most for `limit`, then closes the doors and cuts what is left.
    pub(crate) async fn close(&self, limit: Duration) {
        self.active.close();
        if deadline(limit, self.active.wait()).await.is_err() {
            tracing::warn!(connections = self.active.len(), "connections are cut: they did not end in time");
        }
        self.closed.cancel();
        self.cut.cancel();
    }
}
