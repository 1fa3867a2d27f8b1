use std::time::Duration;

use deis_api::AppName;
use deis_proto::state::progress_service_client::ProgressServiceClient;
use deis_proto::state::publish_request::NewEntry;
use deis_proto::state::{ProgressEntry, PublishRequest, WatchProgressRequest};
use deis_rpc::Client;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::Streaming;

use crate::deploy::Progress;

/// How long the steps of a run are kept.
const TIME_TO_LIVE: Duration = Duration::from_mins(5);
/// How long telling one may take.
const PUBLISH_LIMIT: Duration = Duration::from_secs(2);

/// The progress of deploys in state: operation `deploy/{app}/{fence}`, a line of text for each step.
#[derive(Clone, Debug)]
pub struct StateProgress {
    client: ProgressServiceClient<Client>,
}

impl StateProgress {
    /// Progress over this connection.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client: ProgressServiceClient::new(client) }
    }
}

fn operation(app: &AppName, fence: i64) -> String {
    format!("deploy/{app}/{fence}")
}

impl Progress for StateProgress {
    fn publish<'a>(&'a self, app: &'a AppName, fence: i64, text: String, last: bool) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let request = PublishRequest {
                operation: operation(app, fence),
                entries: vec![NewEntry { payload: text.into_bytes().into(), last }],
                time_to_live: prost_types::Duration::try_from(TIME_TO_LIVE).ok(),
            };
            if let Err(error) = self.client.clone().publish(deis_rpc::request(request, PUBLISH_LIMIT)).await {
                tracing::debug!(%app, %error, "a step of a deploy is not told to other replicas");
            }
        })
    }

    fn follow<'a>(&'a self, app: &'a AppName, fence: i64) -> BoxStream<'a, String> {
        let entries = async move {
            let request = WatchProgressRequest { operation: operation(app, fence), after_sequence: 0 };
            match self.client.clone().watch(request).await {
                Ok(entries) => texts(entries.into_inner()),
                Err(error) => {
                    tracing::debug!(%app, %error, "the steps of a deploy elsewhere cannot be followed");
                    stream::empty().boxed()
                }
            }
        };
        stream::once(entries).flatten().boxed()
    }
}

fn texts(entries: Streaming<ProgressEntry>) -> BoxStream<'static, String> {
    let texts = entries.take_while(|entry| std::future::ready(entry.is_ok())).filter_map(|entry| async {
        entry.ok().map(|entry| String::from_utf8_lossy(&entry.payload).into_owned()).filter(|text| !text.is_empty())
    });
    texts.boxed()
}
