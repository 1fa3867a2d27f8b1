//! Events of apps, and their end.

use deis_proto::logger::entry::Event;
use deis_proto::logger::{DeleteAppRequest, DeleteAppResponse, RecordEventRequest, RecordEventResponse};

use super::{Edge, app, now_micros};
use crate::error::Error;

/// Bytes in the longest kind of event.
const LONGEST_KIND: usize = 64;
/// Bytes in the longest sentence.
const LONGEST_TEXT: usize = 16 * 1024;

pub(super) async fn record(edge: &Edge, request: RecordEventRequest) -> Result<RecordEventResponse, Error> {
    let RecordEventRequest { app: name, kind, text, time_micros } = request;
    if kind.is_empty() || kind.len() > LONGEST_KIND {
        return Err(Error::Invalid { field: "kind", rule: "a word" });
    }
    if text.len() > LONGEST_TEXT {
        return Err(Error::Invalid { field: "text", rule: "of 16 KiB at most" });
    }
    let time_micros = if time_micros == 0 { now_micros() } else { time_micros };
    edge.store.record(&app(&name)?, time_micros, Event { kind, text }).await?;
    edge.counts.took_event();
    Ok(RecordEventResponse {})
}

pub(super) async fn delete(edge: &Edge, request: DeleteAppRequest) -> Result<DeleteAppResponse, Error> {
    edge.store.delete(&app(&request.app)?, now_micros()).await?;
    Ok(DeleteAppResponse {})
}
