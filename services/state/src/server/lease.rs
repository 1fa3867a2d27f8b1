use std::future::ready;

use deis_proto::state::lease_service_server::LeaseService;
use deis_proto::state::{
    GrantRequest, GrantResponse, KeepAliveRequest, KeepAliveResponse, RevokeRequest, RevokeResponse,
};
use futures_util::stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

use super::{Answers, Edge, duration, proto_duration, refusal, text};
use crate::leases;
use crate::store::{LeaseId, Store};

#[tonic::async_trait]
impl<S: Store> LeaseService for Edge<S> {
    async fn grant(&self, request: Request<GrantRequest>) -> Result<Response<GrantResponse>, Status> {
        let request = request.into_inner();
        let granted = async {
            let time_to_live = duration("time_to_live", request.time_to_live)?;
            leases::grant(&self.store, time_to_live, &text("holder", request.holder)?).await
        };
        let (lease, time_to_live) = granted.await.map_err(refusal)?;
        Ok(Response::new(GrantResponse { lease_id: lease.0, time_to_live: proto_duration(time_to_live) }))
    }

    type KeepAliveStream = Answers<KeepAliveResponse>;

    async fn keep_alive(
        &self,
        requests: Request<Streaming<KeepAliveRequest>>,
    ) -> Result<Response<Self::KeepAliveStream>, Status> {
        let store = self.store.clone();
        // A stream that breaks on the caller's side has nobody left to be told.
        let requests = requests
            .into_inner()
            .take_while(|request| ready(request.is_ok()))
            .filter_map(|request| ready(request.ok()));
        let renewed = requests.then(move |request| {
            let store = store.clone();
            async move {
                let time_to_live = store.renew(LeaseId(request.lease_id)).await?;
                Ok(KeepAliveResponse { time_to_live: proto_duration(time_to_live) })
            }
        });
        Ok(Response::new(self.answers(renewed)))
    }

    async fn revoke(&self, request: Request<RevokeRequest>) -> Result<Response<RevokeResponse>, Status> {
        self.store.revoke(LeaseId(request.into_inner().lease_id)).await.map_err(refusal)?;
        Ok(Response::new(RevokeResponse {}))
    }
}
