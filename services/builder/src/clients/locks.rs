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
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::patience::patiently;
use crate::Error;
use crate::ports::{Attempt, Call, Held, Holding, Lock, Locks};
use crate::process::Process;

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
    /// Its name is the holder's; it knows whether another holder lives.
    process: Arc<Process>,
    tasks: Tasks,
}

impl StateLocks {
    pub(crate) fn new(client: Client, process: Arc<Process>, tasks: Tasks) -> Self {
        let leases = LeaseServiceClient::new(client.clone());
        Self { leases, locks: LockServiceClient::new(client), process, tasks }
    }

    async fn acquire(&self, app: AppName, user: Username) -> Result<Attempt<'_>, Error> {
        let (lock, acquire) = self.prepare(&app, user.to_string(), "git push").await?;
        let held = match self.ask(&acquire).await? {
            Outcome::Acquired(_) => return Ok(Attempt::Acquired(lock)),
            Outcome::Held(held) => held,
        };
        let holder = held.owner.as_ref().map(|owner| owner.holder.clone()).unwrap_or_default();
        if self.process.is_alive(&holder) {
            return Ok(Attempt::Held(decode(held)));
        }
        self.process.met_dead();
        let taken = async move { self.wait(lock, acquire).await };
        Ok(Attempt::Left { user: decode(held).user, within: TIME_TO_LIVE, taken: taken.boxed() })
    }

    /// A lock that is ours as soon as the state service says so, and the question.
    async fn prepare(&self, app: &AppName, user: String, purpose: &str) -> Result<(Lock, AcquireRequest), Error> {
        let leases = self.leases.clone();
        let holder = self.process.holder().to_owned();
        let grant = GrantRequest { time_to_live: duration(TIME_TO_LIVE), holder: holder.clone() };
        // A lease that is granted twice runs out once.
        let ask = async || leases.clone().grant(request(grant.clone(), LIMIT)).await;
        let lease_id = patiently(ask).await.map_err(unreachable)?.into_inner().lease_id;
        let (lock, holding) = Lock::new(CancellationToken::new());
        // From now on the lease ends with the lock, also when the next step fails.
        let lease = Lease { client: leases, id: lease_id, lost: lock.lost.clone(), holding };
        drop(self.tasks.spawn("push lock", lease.keep()));
        let owner = LockOwner { user, purpose: purpose.to_owned(), holder };
        Ok((lock, AcquireRequest { name: format!("push/{app}"), lease_id, owner: Some(owner), wait: None }))
    }

    /// Waits for a lock for as long as a dead builder's may last.
    async fn wait(&self, lock: Lock, acquire: AcquireRequest) -> Result<Result<Lock, Held>, Error> {
        Ok(match self.ask(&AcquireRequest { wait: duration(PATIENCE), ..acquire }).await? {
            Outcome::Acquired(_) => Ok(lock),
            Outcome::Held(held) => Err(decode(held)),
        })
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

    fn outlast(&self, app: AppName) -> Call<'_, Result<Lock, Held>> {
        async move {
            let (lock, acquire) = self.prepare(&app, String::new(), "destroying the app").await?;
            self.wait(lock, acquire).await
        }
        .boxed()
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

/// A lease that is renewed until its lock is given back.
struct Lease {
    client: LeaseServiceClient<Client>,
    id: i64,
    lost: CancellationToken,
    holding: Holding,
}

impl Lease {
    async fn keep(mut self) {
        let released = self.holding.released();
        tokio::select! {
            () = self.renew() => self.lost.cancel(),
            () = released.cancelled() => {}
        }
        // One that was revoked twice is gone once.
        let revoke = async || self.client.clone().revoke(request(RevokeRequest { lease_id: self.id }, LIMIT)).await;
        if let Err(status) = patiently(revoke).await {
            tracing::warn!(%status, "a push lock is given back by its time to live only");
        }
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
