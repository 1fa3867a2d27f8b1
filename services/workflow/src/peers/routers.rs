use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::{Context, deadline};
use deis_proto::router::router_service_client::RouterServiceClient;
use deis_proto::router::{AwaitBackendsRequest, AwaitDrainRequest};
use deis_rpc::{Client, Identity};
use futures_util::future::{BoxFuture, join_all};

use super::endpoints::{Asked, Endpoints};
use crate::deploy::Routers;

/// How long a router may take to find the pods in its table; it answers as soon as it has them.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long all routers together may take to leave pods alone that are about to go.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// The routers.
#[derive(Clone)]
pub struct LiveRouters(Endpoints);

impl LiveRouters {
    /// Follows the routers until the process ends.
    #[must_use]
    pub fn follow(context: &Context, client: &kube::Client, namespace: &str, identity: Identity) -> Self {
        Self(Endpoints::follow(context, client, namespace, "router", "the list of routers", identity))
    }
}

impl Routers for LiveRouters {
    fn reachable<'a>(&'a self, app: &'a AppName, uids: &'a BTreeSet<String>) -> BoxFuture<'a, BTreeSet<String>> {
        Box::pin(async move {
            let ready = self.0.clients(Asked::Ready).into_iter();
            let asked = ready.map(|(address, client)| missing(address, client, app, uids));
            let missing = join_all(asked).await.into_iter().flatten().collect::<BTreeSet<_>>();
            uids.difference(&missing).cloned().collect()
        })
    }

    fn drained<'a>(&'a self, app: &'a AppName, epoch: i64) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // One that is about to end, or not ready, may still have clients.
            let asked = self.0.clients(Asked::All).into_iter();
            let asked = asked.map(|(address, client)| await_drain(address, client, app, epoch));
            join_all(asked).await;
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

/// Waits until one router goes by this epoch; tells when it does not say so in time.
async fn await_drain(address: IpAddr, client: Client, app: &AppName, epoch: i64) {
    let request = AwaitDrainRequest { namespace: app.to_string(), service: app.to_string(), epoch };
    let mut client = RouterServiceClient::new(client);
    let problem = match deadline(DRAIN_PATIENCE, client.await_drain(deis_rpc::request(request, DRAIN_PATIENCE))).await {
        Ok(Ok(answer)) if answer.get_ref().epoch >= epoch => return,
        Ok(Ok(answer)) => format!("it goes by epoch {}", answer.get_ref().epoch),
        Ok(Err(error)) => error.to_string(),
        Err(late) => late.to_string(),
    };
    tracing::warn!(router = %address, %app, epoch, problem, "a router may still choose pods that are about to go");
}
