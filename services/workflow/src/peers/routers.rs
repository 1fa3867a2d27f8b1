use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::Context;
use deis_kube::watch::{self, Change};
use deis_proto::router::AwaitBackendsRequest;
use deis_proto::router::router_service_client::RouterServiceClient;
use deis_rpc::{Client, Identity};
use futures_util::StreamExt as _;
use futures_util::future::{BoxFuture, join_all};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use parking_lot::Mutex;

use crate::deploy::Routers;

/// The routers' Service.
const SERVICE: &str = "deis-router";
/// Where routers answer calls.
const PORT: u16 = 50051;
/// How long a router may take to find the pods in its table; it answers as soon as it has them.
const PATIENCE: Duration = Duration::from_secs(3);

/// The routers that are ready, from the EndpointSlices of their Service.
#[derive(Clone)]
pub struct LiveRouters {
    identity: Identity,
    inner: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Slice to the addresses of its ready endpoints.
    slices: BTreeMap<String, BTreeSet<IpAddr>>,
    clients: BTreeMap<IpAddr, Client>,
}

impl LiveRouters {
    /// Follows the routers until the process ends.
    #[must_use]
    pub fn follow(context: &Context, client: &kube::Client, namespace: &str, identity: Identity) -> Self {
        let routers = Self { identity, inner: Arc::default() };
        let selection = watcher::Config::default().labels(&format!("kubernetes.io/service-name={SERVICE}"));
        let (mut changes, _health) =
            watch::objects(Api::<EndpointSlice>::namespaced(client.clone(), namespace), selection);
        let (known, shutdown) = (Arc::clone(&routers.inner), context.shutdown.clone());
        let mut latch = Some(context.readiness.latch("the list of routers"));
        drop(context.tasks.spawn("follow the routers", async move {
            while let Some(Some(change)) = shutdown.run_until_cancelled(changes.next()).await {
                match change {
                    Change::Applied(slice) => {
                        drop(known.lock().slices.insert(slice.name_any(), ready_addresses(&slice)));
                    }
                    Change::Deleted(key) => drop(known.lock().slices.remove(&key.name)),
                    Change::Complete => drop(latch.take()),
                }
            }
        }));
        routers
    }

    /// A connection to each router that is ready; those to routers that are gone are closed.
    fn clients(&self) -> Vec<(IpAddr, Client)> {
        let mut known = self.inner.lock();
        let live = known.slices.values().flatten().copied().collect::<BTreeSet<_>>();
        known.clients.retain(|address, _| live.contains(address));
        for address in live {
            let authority = std::net::SocketAddr::new(address, PORT);
            if let Ok(uri) = format!("https://{authority}").parse() {
                known.clients.entry(address).or_insert_with(|| deis_rpc::connect("router", uri, &self.identity));
            }
        }
        known.clients.iter().map(|(address, client)| (*address, client.clone())).collect()
    }
}

impl Routers for LiveRouters {
    fn reachable<'a>(&'a self, app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        Box::pin(async move {
            let asked = self.clients().into_iter().map(|(address, client)| missing(address, client, app, uids));
            let missing = join_all(asked).await.into_iter().flatten().collect::<BTreeSet<_>>();
            uids.difference(&missing).cloned().collect()
        })
    }
}

/// The pods that one router does not have in its table. A router that does not answer has none: Kubernetes notices soon if it is dead.
async fn missing(address: IpAddr, client: Client, app: &AppName, uids: &BTreeSet<String>) -> Vec<String> {
    let pod_uids = uids.iter().cloned().collect::<Vec<_>>();
    let request =
        AwaitBackendsRequest { namespace: app.to_string(), service: app.to_string(), pod_uids: pod_uids.clone() };
    match RouterServiceClient::new(client).await_backends(deis_rpc::request(request, PATIENCE)).await {
        Ok(answer) => answer.into_inner().missing,
        Err(error) => {
            tracing::warn!(router = %address, %error, "a router does not say which pods it can choose");
            pod_uids
        }
    }
}

fn ready_addresses(slice: &EndpointSlice) -> BTreeSet<IpAddr> {
    let ready = slice
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.conditions.as_ref().is_some_and(|conditions| conditions.ready.unwrap_or(true)));
    ready.flat_map(|endpoint| endpoint.addresses.iter().filter_map(|address| address.parse().ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ready_endpoints_are_asked() {
        let slice = serde_json::from_value(serde_json::json!({
            "metadata": { "name": "deis-router-x" }, "addressType": "IPv4", "ports": [],
            "endpoints": [
                { "addresses": ["10.0.0.1"], "conditions": { "ready": true } },
                { "addresses": ["10.0.0.2"], "conditions": { "ready": false } },
                { "addresses": ["10.0.0.3"], "conditions": { "ready": false, "serving": true, "terminating": true } },
            ],
        }));
        assert_eq!(ready_addresses(&slice.unwrap()), BTreeSet::from(["10.0.0.1".parse().unwrap()]));
    }
}
