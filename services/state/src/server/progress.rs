use deis_proto::state::progress_service_server::ProgressService;
use deis_proto::state::{ProgressEntry, PublishRequest, PublishResponse, WatchProgressRequest};
use futures_util::stream;
use tonic::{Request, Response, Status};

use super::{Answers, Edge, duration, refusal};
use crate::error::Error;
use crate::progress::{self, NewEntry, ProgressWatch};
use crate::store::Store;

#[tonic::async_trait]
impl<S: Store> ProgressService for Edge<S> {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { operation, entries, time_to_live } = request.into_inner();
        let entries: Vec<_> =
            entries.into_iter().map(|entry| NewEntry { payload: entry.payload.into(), last: entry.last }).collect();
        let published = async {
            let time_to_live = duration("time_to_live", time_to_live)?;
            progress::publish(&self.store, &operation.parse()?, &entries, time_to_live).await
        };
        let sequence = published.await.map_err(refusal)?;
        Ok(Response::new(PublishResponse { sequence: sequence.cast_signed() }))
    }

    type WatchStream = Answers<ProgressEntry>;

    async fn watch(&self, request: Request<WatchProgressRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let WatchProgressRequest { operation, after_sequence } = request.into_inner();
        let operation = operation.parse().map_err(refusal)?;
        let after = u64::try_from(after_sequence)
            .map_err(|_negative| refusal(Error::Invalid { field: "after_sequence", rule: "0 or more" }))?;
        let watch = ProgressWatch::new(&self.store, &operation, after);
        let entries = stream::unfold(watch, async |mut watch| {
            let entry = watch.next().await.transpose()?;
            Some((entry.map(encode), watch))
        });
        Ok(Response::new(self.answers(entries)))
    }
}

fn encode(entry: progress::ProgressEntry) -> ProgressEntry {
    ProgressEntry { sequence: entry.sequence.cast_signed(), payload: entry.payload.into(), last: entry.last }
}
