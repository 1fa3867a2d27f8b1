use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::Context;
use deis_proto::router::AwaitBackendsRequest;
use deis_proto::router::router_service_client::RouterServiceClient;
use deis_rpc::{Client, Identity};
use futures_util::future::{BoxFuture, join_all};

use super::endpoints::{Asked, Endpoints};
use crate::deploy::Routers;

/// How long a router may take to find the pods in its table; it answers as soon as it has them.
const PATIENCE: Duration = Duration::from_secs(3);

/// The routers that are ready.
#[derive(Clone)]
pub struct LiveRouters(Endpoints);

impl LiveRouters {
    /// Follows the routers until the process ends.
    #[must_use]
    pub fn follow(context: &Context, client: &kube::Client, namespace: &str, identity: Identity) -> Self {
        Self(Endpoints::follow(context, client, namespace, "router", Asked::Ready, "the list of routers", identity))
    }
}

impl Routers for LiveRouters {
    fn reachable<'a>(&'a self, app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        Box::pin(async move {
            let asked = self.0.clients().into_iter().map(|(address, client)| missing(address, client, app, uids));
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
