use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use deis_bootstrap::Context;
use deis_kube::watch::{self, Change};
use deis_rpc::{Client, Identity};
use futures_util::StreamExt as _;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
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
    /// Slice to addresses.
    slices: BTreeMap<String, BTreeSet<IpAddr>>,
    clients: BTreeMap<IpAddr, Client>,
}

impl Endpoints {
    /// Follows the pods of a service ("router") until the process ends, which is ready when `list` of them is known.
    pub(super) fn follow(
        context: &Context,
        client: &kube::Client,
        namespace: &str,
        peer: &'static str,
        asked: Asked,
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
                        drop(known.lock().slices.insert(slice.name_any(), addresses(&slice, asked)));
                    }
                    Change::Deleted(key) => drop(known.lock().slices.remove(&key.name)),
                    Change::Complete => drop(latch.take()),
                }
            }
        }));
        endpoints
    }

    /// A connection to each pod that is there; those to pods that are gone are closed.
    pub(super) fn clients(&self) -> Vec<(IpAddr, Client)> {
        let mut known = self.known.lock();
        let live = known.slices.values().flatten().copied().collect::<BTreeSet<_>>();
        known.clients.retain(|address, _| live.contains(address));
        for address in live {
            let authority = std::net::SocketAddr::new(address, PORT);
            if let Ok(uri) = format!("https://{authority}").parse() {
                known.clients.entry(address).or_insert_with(|| deis_rpc::connect(self.peer, uri, &self.identity));
            }
        }
        known.clients.iter().map(|(address, client)| (*address, client.clone())).collect()
    }
}

fn addresses(slice: &EndpointSlice, asked: Asked) -> BTreeSet<IpAddr> {
    let is_asked = |endpoint: &&Endpoint| match asked {
        Asked::Ready => endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready.unwrap_or(true)),
        Asked::All => true,
    };
    let asked = slice.endpoints.iter().filter(is_asked);
    asked.flat_map(|endpoint| endpoint.addresses.iter().filter_map(|address| address.parse().ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_endpoints_are_asked_or_all() {
        let slice = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "deis-router-x" }, "addressType": "IPv4", "ports": [],
            "endpoints": [
                { "addresses": ["10.0.0.1"], "conditions": { "ready": true } },
                { "addresses": ["10.0.0.2"], "conditions": { "ready": false } },
                { "addresses": ["10.0.0.3"], "conditions": { "ready": false, "serving": true, "terminating": true } },
            ],
        }));
        let slice = slice.unwrap();
        assert_eq!(addresses(&slice, Asked::Ready), BTreeSet::from(["10.0.0.1".parse().unwrap()]));
        assert_eq!(addresses(&slice, Asked::All).len(), 3);
    }
}
