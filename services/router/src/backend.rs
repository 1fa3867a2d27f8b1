//! An address that answers for an app: its load, its connections, and whether it takes any.

mod choice;
mod standing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::demand::Demand;
use crate::proxy::Connection;
pub(crate) use choice::{Choice, Picked, Tried, choose};
use standing::{Standing, State};

/// Idle connections kept per address; more are closed when they become idle.
const IDLE_CONNECTIONS: usize = 64;
/// So many of them do not count for the bound over all addresses: quiet apps, which fill it, do not make busy ones connect anew.
const OWN_CONNECTIONS: usize = 2;

/// One address of one route. The connections belong to it alone and go with it: none can reach a later tenant of the address.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    pod: Option<String>,
    demand: Arc<Demand>,
    in_flight: AtomicUsize,
    /// Sockets, those under way and those idle.
    open: Arc<AtomicUsize>,
    /// The longest idle first; nothing once the address has left the table.
    idle: Mutex<Option<Vec<Connection>>>,
    made: Instant,
    standing: Mutex<Standing>,
    /// Whether the standing is worth a look.
    troubled: AtomicBool,
    /// Whether a request sees if it is back.
    probed: AtomicBool,
}

impl Backend {
    /// An address without connections, of an app with this demand.
    #[must_use]
    pub fn new(address: SocketAddr, pod: Option<String>, demand: Arc<Demand>) -> Self {
        Self {
            address,
            pod,
            demand,
            in_flight: AtomicUsize::new(0),
            open: Arc::default(),
            idle: Mutex::new(Some(Vec::new())),
            made: Instant::now(),
            standing: Mutex::default(),
            troubled: AtomicBool::new(false),
            probed: AtomicBool::new(false),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The uid of its pod, when it is one.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.pod.as_deref()
    }

    /// Requests and tunnels under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Counts one request until the lease is dropped.
    #[must_use]
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Lease { backend: Arc::clone(self) }
    }

    /// The same, unless there are `limit` already. Each request has a connection of its own, so this bounds them too.
    pub(crate) fn try_lease(self: &Arc<Self>, limit: usize) -> Option<Lease> {
        let more = |count: usize| (count < limit).then_some(count + 1);
        self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Lease { backend: Arc::clone(self) })
    }

    /// Whether it is passed over for taking no connections.
    #[must_use]
    pub fn is_ejected(&self) -> bool {
        self.state() != State::Good
    }

    fn state(&self) -> State {
        if !self.troubled.load(Ordering::Relaxed) {
            return State::Good;
        }
        self.standing.lock().state(self.made.elapsed())
    }

    /// Makes the caller the one who sees whether it is back, when that is due or, `early`, before. There is one at a time before; one that
    /// takes long over its answer does not keep the next one that is due.
    fn claim_probe(self: &Arc<Self>, early: bool) -> Option<Probe> {
        if !self.troubled.load(Ordering::Relaxed) {
            return None;
        }
        let is_due = self.standing.lock().claim(self.made.elapsed());
        if !is_due && !early {
            return None;
        }
        let is_other = self.probed.swap(true, Ordering::SeqCst);
        (is_due || !is_other).then(|| Probe { backend: Arc::clone(self), is_due })
    }

    /// It took no connection; for how long it is ejected, if that is so from now on or longer. What a probe says counts if it was due.
    pub(crate) fn refused(&self, is_due: bool) -> Option<Duration> {
        let mut standing = self.standing.lock();
        self.troubled.store(true, Ordering::Relaxed);
        standing.refused(self.made.elapsed(), is_due)
    }

    /// It took a connection or gave an answer; whether it was ejected. Then there are places that all who wait may try.
    pub(crate) fn accepted(&self) -> bool {
        if !self.troubled.load(Ordering::Relaxed) {
            return false;
        }
        let mut standing = self.standing.lock();
        let was_ejected = standing.accepted();
        self.troubled.store(!standing.is_spotless(), Ordering::Relaxed);
        drop(standing);
        if was_ejected {
            self.demand.tell_all();
        }
        was_ejected
    }

    /// The counter of its sockets.
    pub(crate) fn open(&self) -> &Arc<AtomicUsize> {
        &self.open
    }

    /// Of those that were taken for a request within `limit`, the connection that became idle last.
    pub(crate) fn take_idle(&self, limit: Duration) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let idle = idle.as_mut()?;
        while let Some(index) = idle.iter().rposition(|connection| !connection.was_asked_before(limit)) {
            let connection = idle.remove(index);
            if connection.resume() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request. The first few are kept however many there are elsewhere.
    pub(crate) fn put_idle(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        let Some(idle) = idle.as_mut() else { return };
        if idle.len() >= IDLE_CONNECTIONS {
            idle.retain(|connection| !connection.is_over());
        }
        if idle.len() < IDLE_CONNECTIONS && connection.rest(idle.len() < OWN_CONNECTIONS) {
            idle.push(connection);
        }
    }

    /// Closes the longest idle connections, so that with one more there are `limit` at most.
    pub(crate) fn make_room(&self, limit: usize) {
        let excess = (self.open.load(Ordering::Relaxed) + 1).saturating_sub(limit);
        if excess == 0 {
            return;
        }
        let mut idle = self.idle.lock();
        let closed = idle.as_mut().map(|idle| idle.drain(..excess.min(idle.len())).collect::<Vec<_>>());
        drop(idle);
        drop(closed);
    }

    /// It has left the table: its idle connections are closed, and those under way when they are done.
    pub(crate) fn retire(&self) {
        let closed = self.idle.lock().take();
        drop(closed);
    }
}

/// A request that is to see whether an ejected address is back, until it is dropped.
#[derive(Debug)]
pub(crate) struct Probe {
    backend: Arc<Backend>,
    is_due: bool,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.backend.probed.store(false, Ordering::SeqCst);
    }
}

/// One request under way at a backend.
#[derive(Debug)]
pub struct Lease {
    backend: Arc<Backend>,
}

impl Lease {
    /// Where.
    #[must_use]
    pub fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.backend.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.backend.demand.tell_free();
    }
}
