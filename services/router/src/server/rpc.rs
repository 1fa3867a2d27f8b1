use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use deis_api::Code;
use deis_bootstrap::deadline;
use deis_proto::router::router_service_server::RouterService;
use deis_proto::router::{
    AwaitBackendsRequest, AwaitBackendsResponse, AwaitDrainRequest, AwaitDrainResponse, ExplainRequest,
    ExplainResponse, GetStatusRequest, GetStatusResponse, explain_response,
};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use crate::backend::Backend;
use crate::explain::{Explanation, Found, Standing, explain};
use crate::table::{Host, Live, ServiceKey, Table};
use crate::traffic::Traffic;

/// For callers that name no deadline.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
/// The answer has to be on its way before the caller's deadline, else the transport answers for us.
const HEAD_START: Duration = Duration::from_millis(100);

/// `router.v1`.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    pub(crate) live: Arc<Live>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) cut: CancellationToken,
    /// How many requests one app may have under way.
    pub(crate) most_of_one_app: usize,
}

impl Rpc {
    /// Waits until the table is like this, but no longer than the caller does; answers the table of then.
    async fn table_when(&self, metadata: &MetadataMap, is_so: impl Fn(&Table) -> bool) -> Guard<Arc<Table>> {
        let limit = time_limit(metadata).unwrap_or(DEFAULT_LIMIT).saturating_sub(HEAD_START);
        let mut changes = self.live.changes();
        let reached = async {
            // Ends with an error when the table is gone: with the process.
            while !is_so(&self.live.table()) && changes.changed().await.is_ok() {}
        };
        tokio::select! {
            // Late or not, the answer is what the table says now.
            _waited = deadline(limit, reached) => {}
            () = self.cut.cancelled() => {}
        }
        self.live.table()
    }
}

#[tonic::async_trait]
impl RouterService for Rpc {
    async fn await_backends(
        &self,
        request: Request<AwaitBackendsRequest>,
    ) -> Result<Response<AwaitBackendsResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let AwaitBackendsRequest { namespace, service, pod_uids } = message;
        let key = ServiceKey { namespace, name: service };
        let table = self.table_when(&metadata, |table| missing(table, &key, &pod_uids).is_empty()).await;
        let missing = missing(&table, &key, &pod_uids);
        Ok(Response::new(AwaitBackendsResponse { missing, generation: generation(&table) }))
    }

    async fn await_drain(&self, request: Request<AwaitDrainRequest>) -> Result<Response<AwaitDrainResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let key = ServiceKey { namespace: message.namespace, name: message.service };
        let epoch = |table: &Table| table.service(&key).map_or(0, |route| route.epoch);
        let table = self.table_when(&metadata, |table| epoch(table) >= message.epoch).await;
        Ok(Response::new(AwaitDrainResponse { epoch: epoch(&table), generation: generation(&table) }))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        let ExplainRequest { host } = request.into_inner();
        let not_a_host =
            || deis_rpc::status(Code::InvalidArgument, format!("{host:?} is not a host, such as www.example.com."));
        let explanation = explain(&self.live, &Host::parse(&host).ok_or_else(not_a_host)?, self.most_of_one_app);
        Ok(Response::new(explained(explanation, self.most_of_one_app)))
    }

    async fn get_status(&self, _request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let table = self.live.table();
        Ok(Response::new(GetStatusResponse {
            generation: generation(&table),
            routes: number(table.services()),
            hosts: number(table.hosts()),
            backends: number(table.backends()),
            stale_millis: self.live.stale_for().map_or(0, |stale| i64::try_from(stale.as_millis()).unwrap_or(i64::MAX)),
            source: table.source().as_str().to_owned(),
            requests: i64::try_from(self.traffic.total()).unwrap_or(i64::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }
}

fn explained(explanation: Explanation, most_of_one_app: usize) -> ExplainResponse {
    let Explanation { host, sentence, next, code, found, generation } = explanation;
    let code = code.map(|code| code.as_str().to_owned()).unwrap_or_default();
    let generation = i64::try_from(generation).unwrap_or(i64::MAX);
    let response = ExplainResponse { host, sentence, next, code, generation, ..ExplainResponse::default() };
    let Some(Found { rule, route, pods, stand_in }) = found else { return response };
    let allowed = route.settings.allowed.iter().flatten().map(ToString::to_string);
    ExplainResponse {
        rule,
        namespace: route.key.namespace.clone(),
        service: route.key.name.clone(),
        app: route.app.to_string(),
        maintenance: route.settings.maintenance,
        tls_enforced: route.settings.enforce_tls,
        restricted: route.settings.allowed.is_some(),
        allowed: allowed.collect(),
        pods: pods.iter().map(|(backend, standing)| pod(backend, *standing)).collect(),
        by_service_address: stand_in.is_some(),
        requests: number(route.demand.present()),
        most_requests: number(most_of_one_app),
        waiting: number(route.demand.waiting()),
        most_connections: if route.settings.connections == usize::MAX { 0 } else { number(route.settings.connections) },
        drain_epoch: route.epoch,
        ..response
    }
}

fn pod(backend: &Backend, standing: Standing) -> explain_response::Pod {
    let standing = match standing {
        Standing::Ready => explain_response::Standing::Ready,
        Standing::Leaving => explain_response::Standing::Leaving,
        Standing::Ejected => explain_response::Standing::Ejected,
    };
    explain_response::Pod {
        address: backend.address().to_string(),
        uid: backend.pod().unwrap_or_default().to_owned(),
        standing: standing.into(),
        connections: number(backend.in_flight()),
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn generation(table: &Table) -> i64 {
    i64::try_from(table.generation()).unwrap_or(i64::MAX)
}

/// The pods that are neither backends of this Service nor of one that has paths of it.
fn missing(table: &Table, key: &ServiceKey, pod_uids: &[String]) -> Vec<String> {
    let route = table.service(key);
    let branches = route.into_iter().flat_map(|route| route.branches()).filter_map(|(_, branch)| table.service(branch));
    let backends = route.into_iter().chain(branches).flat_map(|route| &route.backends).collect::<Vec<_>>();
    let there = |uid: &&String| backends.iter().any(|backend| backend.pod() == Some(uid.as_str()));
    pod_uids.iter().filter(|uid| !there(uid)).cloned().collect()
}

/// Reads `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn time_limit(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = number.parse::<u64>().ok().filter(|_| number.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_have_units() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            time_limit(&metadata)
        };
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(read("2000000u"), Some(Duration::from_secs(2)));
        for bad in ["", "S", "5", "5x", "-5S", "123456789S"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(time_limit(&MetadataMap::new()), None);
    }
}
