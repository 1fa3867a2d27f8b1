use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use deis_bootstrap::Context;
use deis_kube::watch::{self, Change};
use deis_rpc::{Client, Identity};
use futures_util::StreamExt as _;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use parking_lot::Mutex;

/// Where all services answer calls.
const PORT: u16 = 50051;

/// Which pods of a service are asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// Those that are ready.
    Ready,
    /// Also those that begin or end.
    All,
}

/// A connection to each pod of a service, by the EndpointSlices of its Service.
#[derive(Clone)]
pub(super) struct Endpoints {
    peer: &'static str,
    identity: Identity,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Slice to the addresses of its endpoints, and whether they are ready.
    slices: BTreeMap<String, BTreeMap<IpAddr, bool>>,
    clients: BTreeMap<IpAddr, Client>,
}

impl Endpoints {
    /// Follows the pods of a service ("router") until the process ends, which is ready when `list` of them is known.
    pub(super) fn follow(
        context: &Context,
        client: &kube::Client,
        namespace: &str,
        peer: &'static str,
        list: &'static str,
        identity: Identity,
    ) -> Self {
        let endpoints = Self { peer, identity, known: Arc::default() };
        let selection = watcher::Config::default().labels(&format!("kubernetes.io/service-name=deis-{peer}"));
        let (mut changes, _health) =
            watch::objects(Api::<EndpointSlice>::namespaced(client.clone(), namespace), selection);
        let (known, shutdown) = (Arc::clone(&endpoints.known), context.shutdown.clone());
        let mut latch = Some(context.readiness.latch(list));
        drop(context.tasks.spawn("follow the pods of a service", async move {
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(slice) => {
                        drop(known.lock().slices.insert(slice.name_any(), addresses(&slice)));
                    }
                    Change::Deleted(key) => drop(known.lock().slices.remove(&key.name)),
                    Change::Complete => drop(latch.take()),
                }
            }
        }));
        endpoints
    }

    /// A connection to each pod of those that are asked; those to pods that are gone are closed.
    pub(super) fn clients(&self, asked: Asked) -> Vec<(IpAddr, Client)> {
        let mut known = self.known.lock();
        let there =
            known.slices.values().flatten().map(|(address, ready)| (*address, *ready)).collect::<BTreeMap<_, _>>();
        known.clients.retain(|address, _| there.contains_key(address));
        let is_asked = |ready: bool| ready || matches!(asked, Asked::All);
        let clients = there.into_iter().filter(|(_, ready)| is_asked(*ready)).filter_map(|(address, _)| {
            let uri = format!("https://{}", SocketAddr::new(address, PORT)).parse().ok()?;
            let connect = || deis_rpc::connect(self.peer, uri, &self.identity);
            Some((address, known.clients.entry(address).or_insert_with(connect).clone()))
        });
        clients.collect()
    }
}

fn addresses(slice: &EndpointSlice) -> BTreeMap<IpAddr, bool> {
    let endpoints = slice.endpoints.iter().flat_map(|endpoint| {
        let ready = endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready.unwrap_or(true));
        endpoint.addresses.iter().filter_map(move |address| Some((address.parse().ok()?, ready)))
    });
    endpoints.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_known_and_whether_it_is_ready() {
        let slice = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "deis-router-x" }, "addressType": "IPv4", "ports": [],
            "endpoints": [
                { "addresses": ["10.0.0.1"], "conditions": { "ready": true } },
                { "addresses": ["10.0.0.2"], "conditions": { "ready": false } },
                { "addresses": ["10.0.0.3"], "conditions": { "ready": false, "serving": true, "terminating": true } },
            ],
        }));
        let known = [("10.0.0.1", true), ("10.0.0.2", false), ("10.0.0.3", false)];
        let known = known.map(|(address, ready)| (address.parse().unwrap(), ready));
        assert_eq!(addresses(&slice.unwrap()), BTreeMap::from(known));
    }
}
