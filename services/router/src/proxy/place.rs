//! A place for a request at one of its app's pods, which may have to be waited for.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deis_bootstrap::deadline;

use super::Proxy;
use super::connect::Unreachable;
use super::page::Refusal;
use crate::backend::{Backend, Choice, Picked, Tried};
use crate::demand::Waiting;
use crate::table::{Route, ServiceKey};

impl Proxy {
    /// A place at a pod for a request. When all have as much to do as they may, it waits for at most `limit`, behind those who wait
    /// already; one that has `tried` a pod in vain beside them.
    pub(super) async fn place(&self, route: &Route, tried: Option<&Tried>, limit: Duration) -> Result<Picked, Refusal> {
        if (tried.is_some() || !route.demand.is_waited_for())
            && let Some(picked) = self.free_place(route, tried)?
        {
            return Ok(picked);
        }
        let all = &self.traffic.waiting;
        let waiting = if tried.is_none() { route.demand.wait(all) } else { route.demand.wait_again(all) };
        let waiting = waiting.ok_or(Refusal::Busy)?;
        let next = deadline(limit, self.next_place(&route.key, &waiting, tried)).await;
        let (picked, newest) = next.unwrap_or(Err(Refusal::Busy))?;
        drop(waiting);
        // Two places that became free at the same moment may have been told as one.
        if self.has_room(&newest) {
            newest.demand.tell_free();
        }
        Ok(picked)
    }

    /// Tries again whenever a place becomes free or the app's part of the table changes, which may bring another pod.
    async fn next_place(
        &self,
        key: &ServiceKey,
        waiting: &Waiting,
        tried: Option<&Tried>,
    ) -> Result<(Picked, Arc<Route>), Refusal> {
        let mut changes = self.live.changes();
        let mut is_told = tried.is_some() || waiting.is_first();
        let mut last: Option<Arc<Route>> = None;
        loop {
            let mut freed = pin!(waiting.freed().notified());
            freed.as_mut().enable();
            // A change does not cost the turn.
            loop {
                let route = self.live.table().service(key).cloned().ok_or(Refusal::NoBackend)?;
                let is_new = last.as_ref().is_some_and(|last| !Arc::ptr_eq(last, &route));
                if (is_told || is_new)
                    && let Some(picked) = self.free_place(&route, tried)?
                {
                    return Ok((picked, route));
                }
                last = Some(route);
                is_told = tokio::select! {
                    () = freed.as_mut() => true,
                    changed = changes.changed() => changed.map(|()| false).map_err(|_no_table| Refusal::NoBackend)?,
                };
                if is_told {
                    break;
                }
            }
        }
    }

    fn free_place(&self, route: &Route, tried: Option<&Tried>) -> Result<Option<Picked>, Refusal> {
        if let Some((service, limit)) = self.stand_in(route) {
            return Ok(Picked::at(service, limit));
        }
        match route.choose(tried) {
            Choice::Picked(picked) => Ok(Some(picked)),
            Choice::Full => Ok(None),
            Choice::Nothing => Err(Refusal::NoBackend),
        }
    }

    fn has_room(&self, route: &Route) -> bool {
        self.stand_in(route).map_or_else(|| route.has_room(), |(service, limit)| service.in_flight() < limit)
    }

    /// What stands for all pods when they cannot be trusted, and how many requests it may have.
    fn stand_in<'a>(&self, route: &'a Route) -> Option<(&'a Arc<Backend>, usize)> {
        let service = route.service.as_ref().filter(|_| self.live.distrusts_pods())?;
        Some((service, route.settings.connections.saturating_mul(route.backends.len().max(1))))
    }

    /// Notes that a pod took no connection. Told once when it is passed over from now on.
    pub(super) fn note_refused(&self, route: &Route, picked: &Picked, unreachable: &Unreachable) {
        let backend = picked.lease.backend();
        tracing::debug!(app = %route.app, address = %backend.address(), error = %unreachable, "a pod took no connection");
        if unreachable.is_its_own()
            && let Some(lasts) = backend.refused(picked.is_due())
        {
            self.traffic.ejections.inc();
            tracing::warn!(app = %route.app, address = %backend.address(), error = %unreachable, seconds = lasts.as_secs(), "a pod takes no connections and is passed over");
        }
    }

    /// Notes that a pod took a connection or answered.
    pub(super) fn note_accepted(&self, route: &Route, backend: &Backend) {
        if backend.accepted() {
            tracing::info!(app = %route.app, address = %backend.address(), "a pod takes connections again");
        }
    }
}
