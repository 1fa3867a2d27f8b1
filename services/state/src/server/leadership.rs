use deis_proto::state::campaign_event::{Elected, Event, Lost, Waiting};
use deis_proto::state::leadership_service_server::LeadershipService;
use deis_proto::state::{CampaignEvent, CampaignRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{Answers, Edge, refusal, text};
use crate::error::Error;
use crate::leadership::{Candidacy, Standing};
use crate::names::Path;
use crate::store::{LeaseId, Store};

/// Events that may wait for a candidate that does not read.
const WAITING_EVENTS: usize = 4;

#[tonic::async_trait]
impl<S: Store> LeadershipService for Edge<S> {
    type CampaignStream = Answers<CampaignEvent>;

    async fn campaign(&self, request: Request<CampaignRequest>) -> Result<Response<Self::CampaignStream>, Status> {
        let request = request.into_inner();
        let election = request.election.parse().map_err(refusal)?;
        let candidate = text("candidate", request.candidate).map_err(refusal)?;
        let (events, received) = mpsc::channel(WAITING_EVENTS);
        // A task, because a candidate that goes away has to be taken out of the queue by somebody.
        let campaign = Campaign { store: self.store.clone(), election, lease: LeaseId(request.lease_id), candidate };
        self.context.tasks.spawn("campaign", campaign.run(events, self.context.shutdown.clone()));
        Ok(Response::new(self.answers(ReceiverStream::new(received))))
    }
}

struct Campaign<S> {
    store: S,
    election: Path,
    lease: LeaseId,
    candidate: String,
}

impl<S: Store> Campaign<S> {
    async fn run(self, events: mpsc::Sender<Result<CampaignEvent, Error>>, shutdown: CancellationToken) {
        let mut candidacy = match Candidacy::enter(&self.store, &self.election, self.lease, &self.candidate).await {
            Ok(candidacy) => candidacy,
            Err(error) => return drop(events.send(Err(error)).await),
        };
        loop {
            let standing = tokio::select! {
                standing = candidacy.next() => standing,
                () = events.closed() => break,
                // The candidate keeps its place: it comes again, to another replica, with the same lease.
                () = shutdown.cancelled() => return,
            };
            let is_last = !matches!(standing, Ok(Standing::Waiting { .. } | Standing::Elected { .. }));
            if events.send(standing.map(event)).await.is_err() {
                break;
            }
            if is_last {
                return;
            }
        }
        if let Err(error) = candidacy.resign().await {
            tracing::warn!(%error, election = %self.election, "a candidate left; its place is kept until its lease ends");
        }
    }
}

fn event(standing: Standing) -> CampaignEvent {
    let event = match standing {
        Standing::Waiting { leader } => Event::Waiting(Waiting { leader }),
        Standing::Elected { term } => Event::Elected(Elected { term: term.0 }),
        Standing::Lost => Event::Lost(Lost {}),
    };
    CampaignEvent { event: Some(event) }
}
