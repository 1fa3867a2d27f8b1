//! A place for a request at one of its app's pods, which may have to be waited for.

use std::pin::pin;
use std::sync::Arc;

use deis_bootstrap::deadline;

use super::Proxy;
use super::connect::Unreachable;
use super::page::Refusal;
use crate::backend::{Backend, Choice, Picked};
use crate::demand::Waiting;
use crate::table::{Route, ServiceKey};

impl Proxy {
    /// A place at a pod for a request. When all have as much to do as they may, it waits behind those who wait already.
    pub(super) async fn place(&self, route: &Route) -> Result<Picked, Refusal> {
        if !route.demand.is_waited_for()
            && let Some(picked) = self.free_place(route, None)?
        {
            return Ok(picked);
        }
        let Some(waiting) = route.demand.wait(&self.traffic.waiting) else { return Err(Refusal::Busy) };
        deadline(self.place_wait, self.next_place(&route.key, &waiting)).await.unwrap_or(Err(Refusal::Busy))
    }

    /// The same for a request that `failed` did not take. It does not wait once more; nothing when no other pod has a place.
    pub(super) fn other_place(&self, route: &Route, failed: &Arc<Backend>) -> Option<Picked> {
        self.free_place(route, Some(failed)).ok().flatten()
    }

    /// Tries again whenever a place becomes free or the table changes, which may bring another pod.
    async fn next_place(&self, key: &ServiceKey, waiting: &Waiting) -> Result<Picked, Refusal> {
        let mut changes = self.live.changes();
        loop {
            let mut freed = pin!(waiting.freed().notified());
            freed.as_mut().enable();
            let route = self.live.table().service(key).cloned().ok_or(Refusal::NoBackend)?;
            if let Some(picked) = self.free_place(&route, None)? {
                return Ok(picked);
            }
            tokio::select! {
                () = freed => {}
                changed = changes.changed() => changed.map_err(|_no_table| Refusal::NoBackend)?,
            }
        }
    }

    fn free_place(&self, route: &Route, avoid: Option<&Arc<Backend>>) -> Result<Option<Picked>, Refusal> {
        if let Some(service) = route.service.as_ref().filter(|_| self.live.distrusts_pods()) {
            // It stands for all pods.
            let limit = route.settings.connections.saturating_mul(route.backends.len().max(1));
            return Ok(Picked::at(service, limit));
        }
        match route.choose(avoid) {
            Choice::Picked(picked) => Ok(Some(picked)),
            Choice::Full => Ok(None),
            Choice::Nothing => Err(Refusal::NoBackend),
        }
    }

    /// Notes that a pod took no connection. Told once when it is passed over from now on.
    pub(super) fn note_refused(&self, route: &Route, picked: &Picked, unreachable: &Unreachable) {
        let backend = picked.lease.backend();
        tracing::debug!(app = %route.app, address = %backend.address(), error = %unreachable, "a pod took no connection");
        if unreachable.is_its_own()
            && let Some(lasts) = backend.refused(picked.is_probe)
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
