use std::time::Duration;

use deis_api::AppName;
use deis_api::rest::{LogEntry, LogStream};
use deis_proto::logger;
use deis_proto::logger::entry::Entry;
use deis_proto::logger::log_service_client::LogServiceClient;
use deis_proto::logger::{DeleteAppRequest, ReadRequest, RecordEventRequest};
use deis_rpc::{Client, Fault};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tonic::Status;

use super::kept;
use crate::deploy::Holder;
use crate::deploy::cluster::Done;
use crate::logs::{Away, Entries, Event, LogStore, Query};

/// How long the logger may take to begin with an answer.
const READ_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to store an event.
const RECORD_LIMIT: Duration = Duration::from_secs(2);
/// How long it may take to forget an app.
const DELETE_LIMIT: Duration = Duration::from_secs(10);

/// The logger.
#[derive(Clone, Debug)]
pub struct Logger {
    client: LogServiceClient<Client>,
}

impl Logger {
    /// The logger at the other end of this connection.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client: LogServiceClient::new(client) }
    }
}

impl LogStore for Logger {
    fn read<'a>(&'a self, app: &'a AppName, query: &'a Query) -> BoxFuture<'a, Result<Entries, Away>> {
        Box::pin(async move {
            let request = ReadRequest {
                app: app.to_string(),
                lines: query.lines,
                process: query.process.as_ref().map(ToString::to_string).unwrap_or_default(),
                since_micros: query.since.map_or(0, Timestamp::as_microsecond),
                follow: query.follow,
            };
            let call = self.client.clone().read(deis_rpc::request(request, READ_LIMIT)).await;
            let mut entries = call.map_err(away)?.into_inner();
            // A logger that has lost its own store says so in place of the first entry. With `follow` something comes in any case:
            // that all has been sent.
            let first = entries.message().await.map_err(away)?;
            let first = stream::iter(first.map(Ok));
            let entries = first.chain(entries).filter_map(|entry| std::future::ready(decoded(entry)));
            Ok(entries.boxed())
        })
    }

    fn record<'a>(&'a self, app: &'a AppName, event: &'a Event) -> BoxFuture<'a, Result<(), Away>> {
        Box::pin(async move {
            let request = RecordEventRequest {
                app: app.to_string(),
                kind: event.kind.to_owned(),
                text: event.text.clone(),
                time_micros: event.time.as_microsecond(),
            };
            let call = self.client.clone().record_event(deis_rpc::request(request, RECORD_LIMIT)).await;
            call.map(drop).map_err(away)
        })
    }
}

impl Holder for Logger {
    fn let_go<'a>(&'a self, app: &'a AppName) -> Done<'a> {
        Box::pin(async move {
            let request = deis_rpc::request(DeleteAppRequest { app: app.to_string() }, DELETE_LIMIT);
            self.client.clone().delete_app(request).await.map(drop).map_err(|error| kept("logger", app, &error))
        })
    }
}

fn away(status: Status) -> Away {
    Away(Fault::from(&status).message)
}

fn decoded(entry: Result<logger::Entry, Status>) -> Option<Result<LogEntry, Away>> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(status) => return Some(Err(away(status))),
    };
    let time = Timestamp::from_microsecond(entry.time_micros).unwrap_or_default();
    let decoded = match entry.entry? {
        Entry::Line(line) => LogEntry::Line {
            time,
            stream: if line.stream() == logger::Stream::Stderr { LogStream::Stderr } else { LogStream::Stdout },
            pod: line.pod,
            process: line.process,
            release: line.release,
            text: String::from_utf8_lossy(&line.text).into_owned(),
        },
        Entry::Event(event) => LogEntry::Event { time, event: event.kind, text: event.text },
        Entry::Dropped(dropped) => LogEntry::Dropped { time, lines: dropped.lines, reason: dropped.reason },
        Entry::CaughtUp(_) => return None,
    };
    Some(Ok(decoded))
}
