//! Lines from agents.

use deis_proto::logger::{AppendRequest, AppendResponse};
use futures_util::stream::{self, StreamExt as _};
use tonic::{Status, Streaming};

use super::{Answers, Edge, app, now_micros};
use crate::error::Error;
use crate::store::append::Batch;

/// Batches that are stored in one go, if so many are there at once.
const AT_ONCE: usize = 32;
/// The longest of the names that Kubernetes gives, and of our sources.
const LONGEST_NAME: usize = 1024;

/// Stores batches as they come and says so. It is refused at once when Redis is away: the agent comes back.
pub(super) fn append(edge: &Edge, batches: Streaming<AppendRequest>) -> Result<Answers<AppendResponse>, Error> {
    drop(edge.store.connection()?);
    let edge_of_stream = edge.clone();
    let acknowledged = batches.ready_chunks(AT_ONCE).then(move |group| {
        let edge = edge_of_stream.clone();
        async move { store(&edge, group).await }
    });
    let answers = acknowledged.flat_map(|group| match group {
        Ok(numbers) => stream::iter(numbers).map(|batch| Ok(AppendResponse { batch })).left_stream(),
        Err(error) => stream::once(std::future::ready(Err(error))).right_stream(),
    });
    Ok(edge.answers(answers))
}

/// Stores what has come; answers with the numbers of the batches.
async fn store(edge: &Edge, group: Vec<Result<AppendRequest, Status>>) -> Result<Vec<u64>, Error> {
    let (mut numbers, mut batches) = (Vec::new(), Vec::new());
    let mut newest = i64::MIN;
    for request in group {
        // The agent went away in the middle; what has come is stored all the same.
        let Ok(message) = request else { break };
        numbers.push(message.batch);
        newest = message.lines.last().map_or(newest, |line| newest.max(line.time_micros));
        batches.push(checked(message)?);
    }
    let taken = edge.store.append(batches).await?;
    edge.counts.took(taken, now_micros().saturating_sub(newest).max(0) as f64 / 1e6);
    Ok(numbers)
}

fn checked(message: AppendRequest) -> Result<Batch, Error> {
    let names = [&message.pod, &message.process, &message.release, &message.source];
    if names.iter().any(|name| name.len() > LONGEST_NAME) {
        return Err(Error::Invalid { field: "names", rule: "of 1024 bytes at most" });
    }
    if message.source.is_empty() {
        return Err(Error::Invalid { field: "source", rule: "not empty" });
    }
    if !message.lines.is_sorted_by(|one, next| one.position < next.position) {
        return Err(Error::Invalid { field: "lines", rule: "in the order of their positions" });
    }
    Ok(Batch { app: app(&message.app)?, message })
}
