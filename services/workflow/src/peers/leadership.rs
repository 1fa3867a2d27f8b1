use std::time::Duration;

use deis_proto::state::CampaignRequest;
use deis_proto::state::campaign_event::Event;
use deis_proto::state::leadership_service_client::LeadershipServiceClient;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Session;
use super::session::Lease;

/// Who looks after apps for which nobody waits.
const ELECTION: &str = "workflow/reconciler";
/// Between two campaigns.
const PACE: Duration = Duration::from_secs(2);

/// Stands for election until the process ends; `work` runs while this process leads, and is dropped when it does not any more.
pub async fn lead<F: Future<Output = ()>>(session: Session, shutdown: CancellationToken, work: impl Fn() -> F) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(pace.tick()).await.is_some() {
        let Ok(lease) = session.lease().await else { continue };
        let stopped = tokio::select! {
            () = shutdown.cancelled() => return,
            () = lease.lost.cancelled() => continue,
            stopped = campaign(&session, &lease, &work) => stopped,
        };
        if let Err(error) = stopped {
            tracing::warn!(%error, "no election");
        }
    }
}

async fn campaign<F: Future<Output = ()>>(
    session: &Session,
    lease: &Lease,
    work: &impl Fn() -> F,
) -> Result<(), tonic::Status> {
    let mut client = LeadershipServiceClient::new(session.client.clone());
    let request =
        CampaignRequest { election: ELECTION.to_owned(), lease_id: lease.id, candidate: session.holder.clone() };
    let mut events = client.campaign(request).await?.into_inner();
    loop {
        match events.message().await?.and_then(|event| event.event) {
            Some(Event::Waiting(_)) => {}
            Some(Event::Elected(elected)) => {
                tracing::info!(term = elected.term, "leads the reconcilers");
                tokio::select! {
                    () = work() => return Ok(()),
                    // Whatever comes next: Lost, an error, the end of the stream.
                    next = events.message() => return next.map(drop),
                }
            }
            Some(Event::Lost(_)) | None => return Ok(()),
        }
    }
}
