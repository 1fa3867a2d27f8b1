//! An address that answers for an app, with its load and its idle connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::proxy::Connection;

/// Idle connections kept per address; more are closed when they become idle.
const IDLE_CONNECTIONS: usize = 64;
/// Idle connections are closed after this long at the next occasion.
const IDLE_LIMIT: Duration = Duration::from_secs(55);
/// How long an address that refused a connection is chosen only when there is no other.
const SUSPECT_FOR: Duration = Duration::from_secs(5);

/// One address of one route. The connections belong to it alone and go with it: none can reach a later tenant of the address.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    pod: Option<String>,
    made: Instant,
    in_flight: AtomicUsize,
    /// Milliseconds after `made`.
    suspect_until: AtomicU64,
    /// The longest idle first.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Backend {
    /// An address without connections.
    #[must_use]
    pub fn new(address: SocketAddr, pod: Option<String>) -> Self {
        Self {
            address,
            pod,
            made: Instant::now(),
            in_flight: AtomicUsize::new(0),
            suspect_until: AtomicU64::new(0),
            idle: Mutex::default(),
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
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts one request until the lease is dropped.
    #[must_use]
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Lease { backend: Arc::clone(self) }
    }

    /// It did not take a connection: others go first for a while.
    pub fn suspect(&self) {
        let until = self.made.elapsed() + SUSPECT_FOR;
        self.suspect_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it refused a connection lately.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        let until = self.suspect_until.load(Ordering::Relaxed);
        until > 0 && u128::from(until) > self.made.elapsed().as_millis()
    }

    /// The connection that became idle last, unless that is longer ago than `limit`.
    pub(crate) fn take_idle(&self, limit: Duration) -> Option<Connection> {
        let mut idle = self.idle.lock();
        while let Some(last) = idle.pop() {
            if last.since.elapsed() > limit {
                idle.push(last);
                return None;
            }
            if !last.connection.is_closed() {
                return Some(last.connection);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(crate) fn put_idle(&self, connection: Connection) {
        if connection.is_over() {
            return;
        }
        let mut idle = self.idle.lock();
        let expired = idle.iter().take_while(|idle| idle.since.elapsed() > IDLE_LIMIT).count();
        idle.drain(..expired);
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(Idle { connection, since: Instant::now() });
        }
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
        self.backend.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Chooses for the next request: of two at random the one with less to do, one that is not suspect before one that is.
/// `avoid` is an address that has just failed.
#[must_use]
pub(crate) fn choose<'a>(backends: &'a [Arc<Backend>], avoid: Option<&Arc<Backend>>) -> Option<&'a Arc<Backend>> {
    let avoided = |backend: &Arc<Backend>| avoid.is_some_and(|avoid| avoid.address == backend.address);
    let rank = |backend: &Arc<Backend>| (backend.is_suspect(), backend.in_flight());
    let len = backends.len();
    let first = rand::random_range(0..len.max(1));
    // Never the same one twice: the second is one of the others, counted from the first.
    let second = if len > 1 { (first + rand::random_range(1..len)) % len } else { first };
    let pair = [backends.get(first), backends.get(second)].into_iter().flatten().filter(|backend| !avoided(backend));
    let best = pair.min_by_key(|backend| rank(backend));
    match best {
        Some(best) if !best.is_suspect() => Some(best),
        _ => backends.iter().filter(|backend| !avoided(backend)).min_by_key(|backend| rank(backend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backends(count: u16) -> Vec<Arc<Backend>> {
        (0..count).map(|port| Arc::new(Backend::new(([127, 0, 0, 1], port + 1).into(), None))).collect()
    }

    #[test]
    fn load_spreads_evenly() {
        let backends = backends(5);
        let _leases = (0..1000).map(|_| choose(&backends, None).unwrap().lease()).collect::<Vec<_>>();
        // Two choices keep the largest queue within a few of the mean; a single random choice would not.
        assert!(backends.iter().all(|backend| (190..=210).contains(&backend.in_flight())), "{backends:?}");
    }

    #[test]
    fn suspects_and_the_one_that_failed_come_last() {
        let backends = backends(3);
        backends[0].suspect();
        for _ in 0..100 {
            assert_eq!(choose(&backends, Some(&backends[1])).unwrap().address(), backends[2].address());
        }
        backends[2].suspect();
        assert!(choose(&backends, Some(&backends[1])).is_some(), "a suspect is better than none");
        assert!(choose(&backends[..1], Some(&backends[0])).is_none());
        assert!(choose(&[], None).is_none());
    }

    #[test]
    fn a_lease_ends_with_its_drop() {
        let backend = &backends(1)[0];
        let lease = backend.lease();
        assert_eq!(backend.in_flight(), 1);
        drop(lease);
        assert_eq!(backend.in_flight(), 0);
    }
}
