use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, Username};
use deis_bootstrap::Tasks;
use deis_proto::state::acquire_response::Outcome;
use deis_proto::state::lease_service_client::LeaseServiceClient;
use deis_proto::state::lock_service_client::LockServiceClient;
use deis_proto::state::{
    AcquireRequest, GrantRequest, KeepAliveRequest, KeepAliveResponse, LockOwner, RevokeRequest, acquire_response,
};
use deis_rpc::{Client, request};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::patience::patiently;
use crate::Error;
use crate::ports::{Attempt, Call, Held, Lock, Locks};

const LIMIT: Duration = Duration::from_secs(5);

/// How long a lock outlives a builder that died.
const TIME_TO_LIVE: Duration = Duration::from_secs(30);

/// How long to wait for the lock of a builder that died; stores end leases a little late.
const PATIENCE: Duration = Duration::from_secs(35);

/// How often it is renewed: two renewals may fail before it is lost.
const RENEWAL: Duration = Duration::from_secs(10);

/// Push locks in the state service. Each push has a lease of its own: whoever asks with the same lease already has the lock.
pub(crate) struct StateLocks {
    leases: LeaseServiceClient<Client>,
    locks: LockServiceClient<Client>,
    /// The name of this pod, which the one after it has, too.
    holder: String,
    claims: Claims,
    tasks: Tasks,
}

impl StateLocks {
    pub(crate) fn new(client: Client, holder: String, tasks: Tasks) -> Self {
        let leases = LeaseServiceClient::new(client.clone());
        Self { leases, locks: LockServiceClient::new(client), holder, claims: Claims::default(), tasks }
    }

    async fn acquire(&self, app: AppName, user: Username) -> Result<Attempt<'_>, Error> {
        let claim = match self.claims.make(&app, &user) {
            Ok(claim) => claim,
            Err(held) => return Ok(Attempt::Held(held)),
        };
        let leases = self.leases.clone();
        let grant = GrantRequest { time_to_live: duration(TIME_TO_LIVE), holder: self.holder.clone() };
        // A lease that is granted twice runs out once.
        let ask = async || leases.clone().grant(request(grant.clone(), LIMIT)).await;
        let lease_id = patiently(ask).await.map_err(unreachable)?.into_inner().lease_id;
        let (lock, released) = Lock::new(CancellationToken::new());
        // From now on the lease ends with the lock, also when the next step fails.
        let lease = Lease { client: leases, id: lease_id, lost: lock.lost.clone(), released, _claim: claim };
        drop(self.tasks.spawn("push lock", lease.keep()));

        let owner = LockOwner { user: user.to_string(), purpose: "git push".to_owned(), holder: self.holder.clone() };
        let acquire = AcquireRequest { name: format!("push/{app}"), lease_id, owner: Some(owner), wait: None };
        let owner = match self.ask(&acquire).await? {
            Outcome::Acquired(_) => return Ok(Attempt::Acquired(lock)),
            Outcome::Held(acquire_response::Held { owner: Some(owner), .. }) if owner.holder == self.holder => owner,
            Outcome::Held(held) => return Ok(Attempt::Held(decode(held))),
        };
        // Ours, but no push of this process has claimed it: it is that of a process before this one.
        let acquire = AcquireRequest { wait: duration(PATIENCE), ..acquire };
        let taken = async move {
            Ok(match self.ask(&acquire).await? {
                Outcome::Acquired(_) => Ok(lock),
                Outcome::Held(held) => Err(decode(held)),
            })
        };
        Ok(Attempt::Left { user: owner.user, within: TIME_TO_LIVE, taken: taken.boxed() })
    }

    async fn ask(&self, acquire: &AcquireRequest) -> Result<Outcome, Error> {
        let limit = if acquire.wait.is_some() { PATIENCE + LIMIT } else { LIMIT };
        let ask = async || self.locks.clone().acquire(request(acquire.clone(), limit)).await;
        let answer = patiently(ask).await.map_err(unreachable)?.into_inner();
        answer.outcome.ok_or_else(|| Error::Internal("the state service gave no answer".to_owned()))
    }
}

impl Locks for StateLocks {
    fn acquire(&self, app: AppName, user: Username) -> Call<'_, Attempt<'_>> {
        self.acquire(app, user).boxed()
    }
}

fn unreachable(status: tonic::Status) -> Error {
    match Error::from(status) {
        Error::ControllerUnreachable => Error::StateUnreachable,
        error => error,
    }
}

fn decode(held: acquire_response::Held) -> Held {
    let since = held.since.and_then(|since| jiff::Timestamp::new(since.seconds, since.nanos).ok());
    Held { user: held.owner.map(|owner| owner.user).unwrap_or_default(), since }
}

fn duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

/// The apps whose locks this process holds or tries to take, and for whom.
#[derive(Clone, Default)]
struct Claims(Arc<Mutex<HashMap<AppName, Held>>>);

impl Claims {
    /// Claims an app until the claim is dropped, or says who has.
    fn make(&self, app: &AppName, user: &Username) -> Result<Claim, Held> {
        match self.0.lock().entry(app.clone()) {
            Entry::Occupied(other) => Err(other.get().clone()),
            Entry::Vacant(free) => {
                free.insert(Held { user: user.to_string(), since: Some(jiff::Timestamp::now()) });
                Ok(Claim { claims: self.clone(), app: app.clone() })
            }
        }
    }
}

struct Claim {
    claims: Claims,
    app: AppName,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.0.lock().remove(&self.app);
    }
}

/// A lease that is renewed until its lock is given back.
struct Lease {
    client: LeaseServiceClient<Client>,
    id: i64,
    lost: CancellationToken,
    released: CancellationToken,
    _claim: Claim,
}

impl Lease {
    async fn keep(mut self) {
        let released = self.released.clone();
        tokio::select! {
            () = self.renew() => self.lost.cancel(),
            () = released.cancelled() => {}
        }
        if let Err(status) = self.client.revoke(request(RevokeRequest { lease_id: self.id }, LIMIT)).await {
            tracing::warn!(%status, "a push lock is given back by its time to live only");
        }
        // A push that goes on without its lock is still one.
        released.cancelled().await;
    }

    /// Renews over one stream after the other; returns when the lease has run out.
    async fn renew(&mut self) {
        let mut valid_until = Instant::now() + TIME_TO_LIVE;
        let mut ticks = interval(RENEWAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stream: Option<(mpsc::Sender<KeepAliveRequest>, Streaming<KeepAliveResponse>)> = None;
        loop {
            ticks.tick().await;
            if Instant::now() >= valid_until {
                return;
            }
            let (requests, mut responses) = match stream.take() {
                Some(stream) => stream,
                None => match self.open().await {
                    Ok(stream) => stream,
                    Err(status) => {
                        tracing::warn!(%status, "a push lock is not renewed");
                        continue;
                    }
                },
            };
            if requests.send(KeepAliveRequest { lease_id: self.id }).await.is_err() {
                continue;
            }
            match deis_bootstrap::deadline(LIMIT, responses.message()).await {
                Ok(Ok(Some(_))) => {
                    valid_until = Instant::now() + TIME_TO_LIVE;
                    stream = Some((requests, responses));
                }
                Ok(Err(status)) if status.code() == tonic::Code::NotFound => return,
                Ok(Err(status)) => tracing::warn!(%status, "a push lock is not renewed"),
                Ok(Ok(None)) | Err(_) => tracing::warn!("a push lock is not renewed: no answer"),
            }
        }
    }

    async fn open(&mut self) -> Result<(mpsc::Sender<KeepAliveRequest>, Streaming<KeepAliveResponse>), tonic::Status> {
        let (requests, queue) = mpsc::channel(1);
        let call = self.client.keep_alive(ReceiverStream::new(queue));
        let responses = deis_bootstrap::deadline(LIMIT, call).await;
        let responses = responses.map_err(|late| tonic::Status::deadline_exceeded(late.to_string()))??;
        Ok((requests, responses.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_away_is_named() {
        assert!(matches!(unreachable(tonic::Status::unavailable("connect")), Error::StateUnreachable));
        assert!(matches!(unreachable(tonic::Status::internal("defect")), Error::Peer(_)));
    }
}
