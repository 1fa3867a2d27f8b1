use deis_proto::state::holding::Kind;
use deis_proto::state::holdings_service_server::HoldingsService;
use deis_proto::state::{Holding, ListHoldingsRequest, ListHoldingsResponse, LockOwner};
use tonic::{Request, Response, Status};

use super::{Edge, proto_duration};
use crate::error::Error;
use crate::holdings::{self, LARGEST_PAGE, list};
use crate::locks::Owner;
use crate::store::Store;

#[tonic::async_trait]
impl<S: Store> HoldingsService for Edge<S> {
    async fn list_holdings(
        &self,
        request: Request<ListHoldingsRequest>,
    ) -> Result<Response<ListHoldingsResponse>, Status> {
        let ListHoldingsRequest { page_size, page_token } = request.into_inner();
        let listed = async { list(&self.store, &page_token, size(page_size)?).await };
        let page = self.or_ending(listed).await?;
        Ok(Response::new(ListHoldingsResponse {
            holdings: page.holdings.into_iter().map(encode).collect(),
            next_page_token: page.next.unwrap_or_default(),
        }))
    }
}

fn size(asked: i32) -> Result<usize, Error> {
    match usize::try_from(asked) {
        Ok(0) => Ok(LARGEST_PAGE),
        Ok(size) if size <= LARGEST_PAGE => Ok(size),
        _ => Err(Error::Invalid { field: "page_size", rule: "0 to 100" }),
    }
}

fn encode(holding: holdings::Holding) -> Holding {
    let renewed = holding.is_renewed();
    let kind = match holding.kind {
        holdings::Kind::Leader => Kind::Leader,
        holdings::Kind::Candidate => Kind::Candidate,
        holdings::Kind::Lock => Kind::Lock,
        holdings::Kind::Lease => Kind::Lease,
    };
    let Owner { user, purpose, holder } = holding.owner;
    Holding {
        kind: kind.into(),
        name: holding.name,
        owner: Some(LockOwner { user, purpose, holder }),
        since: holding.since.map(Into::into),
        time_to_live: proto_duration(holding.lifetime.granted),
        remaining: proto_duration(holding.lifetime.remaining),
        renewed,
        lease_id: holding.lease.0,
    }
}
