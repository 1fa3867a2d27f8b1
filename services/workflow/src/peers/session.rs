use std::time::Duration;

use deis_bootstrap::{Context, deadline};
use deis_proto::state::lease_service_client::LeaseServiceClient;
use deis_proto::state::{GrantRequest, KeepAliveRequest, RevokeRequest};
use deis_rpc::Client;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::IntervalStream;
use tokio_util::sync::CancellationToken;

use crate::deploy::EffectError;

/// How long state waits for a sign of life before it gives this process's locks to others.
const TIME_TO_LIVE: Duration = Duration::from_secs(10);
/// How often this process gives one.
const RENEWAL: Duration = Duration::from_secs(3);
/// How long state may take to answer.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// A lease of this process.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) id: i64,
    /// Cancelled when the lease has ended, or may have.
    pub(super) lost: CancellationToken,
}

/// This process's liveness in state: always one lease, a new one whenever the last was lost.
#[derive(Clone, Debug)]
pub struct Session {
    pub(super) client: Client,
    pub(super) holder: String,
    lease: watch::Receiver<Option<Lease>>,
}

impl Session {
    /// Starts it; `holder` is the name of this process's pod.
    #[must_use]
    pub fn start(context: &Context, client: Client, holder: String) -> Self {
        let (sender, lease) = watch::channel(None);
        let keeper = Keeper { client: LeaseServiceClient::new(client.clone()), holder: holder.clone(), lease: sender };
        drop(context.tasks.spawn("keep the lease", keeper.keep(context.shutdown.clone())));
        Self { client, holder, lease }
    }

    /// The lease of now, waiting for one if state cannot be reached just now.
    pub(super) async fn lease(&self) -> Result<Lease, EffectError> {
        let mut lease = self.lease.clone();
        let found = deadline(CALL_LIMIT, lease.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok).and_then(|lease| lease.clone());
        found.ok_or_else(|| EffectError::Unavailable("The lock service cannot be reached.".to_owned()))
    }
}

struct Keeper {
    client: LeaseServiceClient<Client>,
    holder: String,
    lease: watch::Sender<Option<Lease>>,
}

impl Keeper {
    async fn keep(mut self, shutdown: CancellationToken) {
        let mut pace = interval(RENEWAL);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(pace.tick()).await.is_some() {
            match self.grant().await {
                Ok(lease) => {
                    self.lease.send_replace(Some(lease.clone()));
                    let ended = shutdown.run_until_cancelled(self.renew(lease.id)).await;
                    lease.lost.cancel();
                    self.lease.send_replace(None);
                    if ended.is_none() {
                        self.revoke(lease.id).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "no lease to be had from state"),
            }
        }
    }

    async fn grant(&mut self) -> Result<Lease, tonic::Status> {
        let time_to_live = prost_types::Duration::try_from(TIME_TO_LIVE).ok();
        let request = GrantRequest { time_to_live, holder: self.holder.clone() };
        let granted = self.client.grant(deis_rpc::request(request, CALL_LIMIT)).await?.into_inner();
        Ok(Lease { id: granted.lease_id, lost: CancellationToken::new() })
    }

    /// Renews the lease until that fails or takes so long that it may have ended.
    async fn renew(&mut self, lease_id: i64) {
        let signs = IntervalStream::new(interval(RENEWAL)).map(move |_tick| KeepAliveRequest { lease_id });
        let mut answers = match self.client.keep_alive(signs).await {
            Ok(answers) => answers.into_inner(),
            Err(error) => {
                tracing::warn!(%error, "the lease cannot be renewed");
                return;
            }
        };
        // A renewal that is not answered before the lease ends is as bad as one that is refused.
        loop {
            match deadline(TIME_TO_LIVE - RENEWAL, answers.message()).await {
                Ok(Ok(Some(_renewed))) => {}
                Ok(Ok(None)) => return tracing::warn!("state ended the renewal of the lease"),
                Ok(Err(error)) => return tracing::warn!(%error, "the lease is lost"),
                Err(late) => return tracing::warn!(%late, "the lease is lost: state is silent"),
            }
        }
    }

    async fn revoke(&mut self, lease_id: i64) {
        let request = deis_rpc::request(RevokeRequest { lease_id }, CALL_LIMIT);
        if let Err(error) = self.client.revoke(request).await {
            tracing::warn!(%error, "the lease cannot be given back, it runs out");
        }
    }
}
