//! What the services themselves say.

use std::error::Error;
use std::time::Duration;

use deis_proto::{registry, router};
use http::header::HOST;
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde::Serialize;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cluster::KubeError;
use crate::components::{Component, GRPC_PORT, Probe};
use crate::forward::{ForwardError, Forwarder};
use crate::words::count;

const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A pod's own answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Answer {
    /// It answered, and has nothing to complain about.
    pub(crate) well: bool,
    pub(crate) says: String,
}

#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("the pod cannot be reached")]
    Forward(#[from] ForwardError),
    #[error("the pod does not answer")]
    Call(#[from] tonic::Status),
}

/// Asks one pod. No answer is an answer too. `None` for those that cannot be asked.
pub(crate) async fn ask(forwarder: &Forwarder, component: &Component, pod: &str) -> Option<Answer> {
    try_ask(forwarder, component, pod).await.unwrap_or_else(|error| Some(silence(&error)))
}

async fn try_ask(forwarder: &Forwarder, component: &Component, pod: &str) -> Result<Option<Answer>, Silence> {
    let channel = |port| forwarder.channel(pod, component.name, port);
    Ok(Some(match component.probe {
        Probe::None => return Ok(None),
        Probe::Health { port } => health(channel(port)?).await?,
        Probe::Router => router(channel(GRPC_PORT)?).await?,
        Probe::RegistryProxy => registry_proxy(channel(GRPC_PORT)?).await?,
    }))
}

/// Asks a pod's plain HTTP port, through the API server.
pub(crate) async fn http_status(
    pods: &Api<Pod>,
    pod: &str,
    port: u16,
    path: &str,
) -> Result<StatusCode, Box<dyn Error + Send + Sync>> {
    let mut forwarder = pods.portforward(pod, &[port]).await.map_err(KubeError::from)?;
    let stream = forwarder.take_stream(port).ok_or("no connection")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, "deis").body(http_body_util::Empty::<&'static [u8]>::new())?;
    tokio::select! {
        answer = sender.send_request(request) => Ok(answer?.status()),
        ended = connection => Err(ended.err().map_or_else(|| "it hung up".into(), Into::into)),
    }
}

async fn health(channel: Channel) -> Result<Answer, tonic::Status> {
    let request = deis_rpc::request(HealthCheckRequest::default(), ANSWER_LIMIT);
    let status = HealthClient::new(channel).check(request).await?.into_inner().status();
    let well = status == ServingStatus::Serving;
    Ok(Answer { well, says: if well { "serving" } else { "not serving" }.to_owned() })
}

async fn router(channel: Channel) -> Result<Answer, tonic::Status> {
    let request = deis_rpc::request(router::GetStatusRequest {}, ANSWER_LIMIT);
    let status = router::router_service_client::RouterServiceClient::new(channel).get_status(request).await?;
    Ok(of_router(status.get_ref()))
}

fn of_router(status: &router::GetStatusResponse) -> Answer {
    let table = format!(
        "{}, {}, {}, {} served",
        count(status.hosts, "host"),
        count(status.routes, "route"),
        count(status.backends, "backend"),
        count(status.requests, "request"),
    );
    if status.stale_millis > 0 {
        let seconds = status.stale_millis / 1000;
        return Answer { well: false, says: format!("{table}; sees no changes since {seconds} s") };
    }
    if status.source == "disk" {
        return Answer { well: false, says: format!("{table}; from its last good table on disk") };
    }
    Answer { well: true, says: table }
}

async fn registry_proxy(channel: Channel) -> Result<Answer, tonic::Status> {
    let request = deis_rpc::request(registry::GetStatusRequest {}, ANSWER_LIMIT);
    let mut client = registry::registry_proxy_service_client::RegistryProxyServiceClient::new(channel);
    Ok(of_registry_proxy(client.get_status(request).await?.get_ref()))
}

fn of_registry_proxy(status: &registry::GetStatusResponse) -> Answer {
    let figures = format!("{} served, {} refused", count(status.requests, "request"), status.refused);
    if status.upstream_reachable {
        return Answer { well: true, says: figures };
    }
    Answer { well: false, says: format!("{figures}; {} does not answer: {}", status.upstream, status.upstream_error) }
}

fn silence(error: &(dyn Error + 'static)) -> Answer {
    Answer { well: false, says: format!("no answer: {}", innermost(error)) }
}

/// Why there is no answer.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let cause = deis_api::innermost(error);
    match cause.downcast_ref::<tonic::Status>() {
        Some(status) => status.message().to_owned(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_that_sees_changes_is_well() {
        let status = router::GetStatusResponse {
            hosts: 2,
            routes: 1,
            backends: 5,
            requests: 12,
            source: "watch".to_owned(),
            ..router::GetStatusResponse::default()
        };
        let says = "2 hosts, 1 route, 5 backends, 12 requests served".to_owned();
        assert_eq!(of_router(&status), Answer { well: true, says: says.clone() });
        let stale = router::GetStatusResponse { stale_millis: 42_000, ..status.clone() };
        assert_eq!(of_router(&stale), Answer { well: false, says: format!("{says}; sees no changes since 42 s") });
        let disk = router::GetStatusResponse { source: "disk".to_owned(), ..status };
        assert_eq!(of_router(&disk), Answer { well: false, says: format!("{says}; from its last good table on disk") });
    }

    #[test]
    fn a_registry_proxy_is_as_well_as_its_registry() {
        let status = registry::GetStatusResponse {
            upstream: "http://deis-registry:5000".to_owned(),
            upstream_error: "connection refused".to_owned(),
            requests: 3,
            refused: 1,
            ..registry::GetStatusResponse::default()
        };
        let says = "3 requests served, 1 refused; http://deis-registry:5000 does not answer: connection refused";
        assert_eq!(of_registry_proxy(&status), Answer { well: false, says: says.to_owned() });
        let reachable = registry::GetStatusResponse { upstream_reachable: true, ..status };
        assert_eq!(
            of_registry_proxy(&reachable),
            Answer { well: true, says: "3 requests served, 1 refused".to_owned() }
        );
    }

    #[test]
    fn silence_is_told_with_its_innermost_cause() {
        let error = Silence::from(tonic::Status::unavailable("the pod is gone"));
        assert_eq!(silence(&error), Answer { well: false, says: "no answer: the pod is gone".to_owned() });
    }
}
