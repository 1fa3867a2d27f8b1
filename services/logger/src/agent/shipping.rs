//! Batches go to the logger, and go again until they are acknowledged.

use std::collections::VecDeque;
use std::time::Duration;

use backon::Retryable as _;
use deis_bootstrap::deadline;
use deis_proto::logger::log_service_client::LogServiceClient;
use deis_proto::logger::{AppendRequest, AppendResponse};
use deis_rpc::Client;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::metrics::Counts;
use super::node::UNDER_WAY;
use crate::patience::patience;

/// How long the logger may take to answer when it is called, and then for each batch that it is sent again.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A call to which batches can be added.
struct Call {
    batches: mpsc::Sender<AppendRequest>,
    answers: Streaming<AppendResponse>,
}

/// Sends batches and tells which are stored, until there are no more. Of batches, so many as may be under way are kept.
pub(super) async fn ship(
    client: LogServiceClient<Client>,
    mut batches: mpsc::Receiver<AppendRequest>,
    stored: mpsc::Sender<u64>,
    counts: Counts,
) {
    let mut unanswered = VecDeque::new();
    loop {
        let open = || open_call(client.clone(), &unanswered);
        let mut is_news = true;
        let told = |error: &Status, _delay| {
            if std::mem::take(&mut is_news) {
                tracing::warn!(%error, "the logger cannot be reached, lines wait");
            }
        };
        // It never gives up, so that an error cannot come.
        let Ok(mut call) = open.retry(patience()).notify(told).await else { continue };
        for batch in unanswered.drain(..) {
            let batch: AppendRequest = batch;
            if stored.send(batch.batch).await.is_err() {
                return;
            }
        }
        match talk(&mut call, &mut batches, &stored, &mut unanswered).await {
            Some(error) => tracing::info!(%error, "the logger has gone"),
            None => return,
        }
        counts.reconnects.inc();
    }
}

/// Calls the logger and has it store what it has not answered for. Only then it is a call to go on with: a logger that takes calls
/// and no lines is called again after a pause, and not at once.
async fn open_call(mut client: LogServiceClient<Client>, unanswered: &VecDeque<AppendRequest>) -> Result<Call, Status> {
    let late = |late: deis_bootstrap::DeadlineExceeded| Status::deadline_exceeded(late.to_string());
    let (batches, queue) = mpsc::channel(UNDER_WAY);
    let answers = deadline(ANSWER_LIMIT, client.append(ReceiverStream::new(queue))).await.map_err(late)??;
    let mut call = Call { batches, answers: answers.into_inner() };
    for batch in unanswered {
        // There is room for all.
        call.batches.try_send(batch.clone()).map_err(|_gone| Status::unavailable("the call has ended"))?;
    }
    for _batch in unanswered {
        let answer = deadline(ANSWER_LIMIT, call.answers.message()).await.map_err(late)??;
        answer.ok_or_else(|| Status::unavailable("the logger has ended the call"))?;
    }
    Ok(call)
}

/// Sends what comes; ends with the reason why the call is over, or without one when there is nothing more to send.
async fn talk(
    call: &mut Call,
    batches: &mut mpsc::Receiver<AppendRequest>,
    stored: &mpsc::Sender<u64>,
    unanswered: &mut VecDeque<AppendRequest>,
) -> Option<Status> {
    loop {
        tokio::select! {
            batch = batches.recv(), if unanswered.len() < UNDER_WAY => {
                let batch = batch?;
                unanswered.push_back(batch.clone());
                // What is not sent now is sent by the next call.
                drop(call.batches.try_send(batch));
            }
            answer = call.answers.message() => match answer {
                Ok(Some(answer)) => {
                    unanswered.retain(|batch: &AppendRequest| batch.batch != answer.batch);
                    stored.send(answer.batch).await.ok()?;
                }
                Ok(None) => return Some(Status::unavailable("the logger has ended the call")),
                Err(error) => return Some(error),
            },
        }
    }
}
