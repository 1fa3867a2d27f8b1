//! Routers, as operators ask them why a host is served as it is.

use deis_proto::router::explain_response::{Pod, Standing};
use deis_proto::router::router_service_server::{RouterService, RouterServiceServer};
use deis_proto::router::{
    AwaitBackendsRequest, AwaitBackendsResponse, AwaitDrainRequest, AwaitDrainResponse, ExplainRequest,
    ExplainResponse, GetStatusRequest, GetStatusResponse,
};
use serde_json::{Value, json};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::cluster::Cluster;
use crate::grpc;
use crate::platform::Platform;

/// A platform with two routers, each of which says its own of `www.example.com`, or fails with a sentence.
async fn cluster_of(explanations: [Value; 2]) -> Cluster {
    let platform = Platform::well();
    let [router, operator] = grpc::certificates(["router", "operator"]);
    Cluster::new(move |asked| match asked {
        "GET /api/v1/namespaces/deis/secrets/deis-operator-tls" => Some(grpc::secret("deis-operator-tls", &operator)),
        "GET /api/v1/namespaces/deis/pods/deis-router-a/portforward 50051" => {
            Some(json!({ "server": router, "explanation": explanations[0] }))
        }
        "GET /api/v1/namespaces/deis/pods/deis-router-b/portforward 50051" => {
            Some(json!({ "server": router, "explanation": explanations[1] }))
        }
        asked => platform.answer(asked),
    })
    .await
}

/// Two routers that serve a host with these pods, `[address, standing, connections]`.
fn served(pods: &Value) -> Value {
    json!({ "sentence": "Requests for www.example.com go to 2 of 2 pods of shop.", "next": "", "code": "", "pods": pods })
}

/// A platform that serves a host.
pub(crate) async fn cluster() -> Cluster {
    let pods = json!([["10.2.0.7:5000", "STANDING_READY", 3], ["10.2.0.8:5000", "STANDING_READY", 0]]);
    cluster_of([served(&pods), served(&pods)]).await
}

/// What a port of a router serves.
pub(crate) fn services(explanation: &Value) -> Routes {
    Routes::new(RouterServiceServer::new(Told(explanation.clone())))
}

/// What is said of `www.example.com`, or the sentence of a refusal.
struct Told(Value);

#[tonic::async_trait]
impl RouterService for Told {
    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let host = request.into_inner().host;
        if host.contains('_') {
            return Err(Status::invalid_argument(format!("{host:?} is not a host, such as www.example.com.")));
        }
        if let Some(refusal) = self.0.as_str() {
            return Err(Status::unavailable(refusal.to_owned()));
        }
        let text = |name: &str| self.0[name].as_str().unwrap().to_owned();
        let told = ExplainResponse {
            sentence: text("sentence"),
            next: text("next"),
            code: text("code"),
            ..Default::default()
        };
        let Some(pods) = self.0["pods"].as_array() else { return Ok(Response::new(told)) };
        let pods = pods.iter().map(|pod| Pod {
            address: pod[0].as_str().unwrap().to_owned(),
            uid: "uid".to_owned(),
            standing: Standing::from_str_name(pod[1].as_str().unwrap()).unwrap().into(),
            connections: pod[2].as_i64().unwrap(),
        });
        Ok(Response::new(ExplainResponse {
            rule: host,
            namespace: "shop".to_owned(),
            service: "shop".to_owned(),
            tls_enforced: true,
            restricted: true,
            allowed: vec!["10.0.0.0/8".to_owned(), "192.0.2.1/32".to_owned()],
            requests: 3,
            most_requests: 4096,
            pods: pods.collect(),
            ..told
        }))
    }

    async fn get_status(&self, _: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn await_backends(
        &self,
        _: Request<AwaitBackendsRequest>,
    ) -> Result<Response<AwaitBackendsResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn await_drain(&self, _: Request<AwaitDrainRequest>) -> Result<Response<AwaitDrainResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}

#[tokio::test]
async fn routers_that_differ_are_told_to_do_so() {
    let pods = json!([["10.2.0.7:5000", "STANDING_READY", 3], ["10.2.0.8:5000", "STANDING_EJECTED", 0]]);
    let unknown = json!({
        "sentence": "No app is served at www.example.com: no Service names it.", "code": "unknown-host",
        "next": "The app's owner gives it the name with 'deis domains:add'.",
    });
    let cluster = cluster_of([served(&pods), unknown]).await;
    insta::assert_snapshot!("explain_differing", cluster.said("explain www.example.com").await);
    insta::assert_snapshot!("explain_differing_narrow", cluster.seen_narrow("explain www.example.com").await);
    insta::assert_snapshot!("explain_differing_document", cluster.said("explain www.example.com --output=yaml").await);
}

#[tokio::test]
async fn a_router_that_is_silent_keeps_nobody_from_the_others() {
    let cluster = cluster_of([json!("the pod is gone"), served(&json!([]))]).await;
    insta::assert_snapshot!("explain_silent", cluster.said("explain www.example.com").await);
}
