use std::time::{Duration, SystemTime};

use deis_proto::state::acquire_response::{Acquired, Held, Outcome};
use deis_proto::state::lock_service_server::LockService;
use deis_proto::state::{AcquireRequest, AcquireResponse, LockOwner, ReleaseRequest, ReleaseResponse};
use tonic::{Request, Response, Status};

use super::{Edge, duration, refusal, text};
use crate::error::Error;
use crate::locks::{self, Acquisition, Owner};
use crate::store::{LeaseId, Store};

#[tonic::async_trait]
impl<S: Store> LockService for Edge<S> {
    async fn acquire(&self, request: Request<AcquireRequest>) -> Result<Response<AcquireResponse>, Status> {
        let request = request.into_inner();
        let acquired = async {
            let name = request.name.parse()?;
            let owner = owner(request.owner.unwrap_or_default())?;
            let wait = match request.wait {
                Some(wait) => duration("wait", Some(wait))?,
                None => Duration::ZERO,
            };
            locks::acquire(&self.store, &name, LeaseId(request.lease_id), &owner, wait).await
        };
        let outcome = match self.or_ending(acquired).await? {
            Acquisition::Acquired(revision) => Outcome::Acquired(Acquired { revision: revision.0 }),
            Acquisition::Held(other) => Outcome::Held(held(other)),
        };
        Ok(Response::new(AcquireResponse { outcome: Some(outcome) }))
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseResponse>, Status> {
        let request = request.into_inner();
        let released = async { locks::release(&self.store, &request.name.parse()?, LeaseId(request.lease_id)).await };
        Ok(Response::new(ReleaseResponse { released: released.await.map_err(refusal)? }))
    }
}

fn owner(owner: LockOwner) -> Result<Owner, Error> {
    Ok(Owner {
        user: text("owner.user", owner.user)?,
        purpose: text("owner.purpose", owner.purpose)?,
        holder: text("owner.holder", owner.holder)?,
    })
}

fn held(other: locks::Held) -> Held {
    let locks::Owner { user, purpose, holder } = other.owner;
    Held {
        owner: Some(LockOwner { user, purpose, holder }),
        since: Some(other.since.into()),
        expires: Some((SystemTime::now() + other.remaining).into()),
    }
}
