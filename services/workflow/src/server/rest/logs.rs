use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use deis_api::ProcType;
use deis_api::rest::{LOG_MEDIA_TYPE, LogEntry};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};

use super::apps::find;
use super::caller::Bearer;
use super::error::ApiError;
use super::ndjson;
use super::openapi::{BadRequest, Lines, OfApp};
use crate::access::Verb;
use crate::error::Error;
use crate::logs;
use crate::runs::Authority;
use crate::server::Workflow;

/// How many lines there are when nobody says.
const LINES: u32 = 100;
/// The most that can be asked for.
const MOST_LINES: u32 = 1_000_000;

/// `GET /v2/apps/{app}/logs`: the newest entries as lines of text; with `Accept: application/x-ndjson` one object a line.
/// Beside the contract's `log_lines` the query knows `process`, `since` (a time, or how long ago: `10m`) and `follow`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/logs/", operation_id = "logs_show",
    params(Lines),
    responses(
        (
            status = 200, description = "The newest entries: lines of text, or one object a line.",
            content((String = "text/plain"), (LogEntry = "application/x-ndjson"))
        ),
        (status = 204, description = "There are none."),
        BadRequest,
        OfApp,
    )
)]
pub(super) async fn show(
    State(workflow): State<Workflow>,
    Bearer(actor, token): Bearer,
    Path(id): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let mut query = query(&parameters, Timestamp::now())?;
    // An app of this name may have been destroyed before: what it left, or what came late, is nobody's any more.
    query.since = query.since.max(Some(app.created));
    let shape = Shape::of(&headers);
    let mut entries = workflow.logs.read(&app.id, &query).await.peekable();
    if !query.follow && Pin::new(&mut entries).peek().await.is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut entries = entries.boxed();
    if query.follow {
        let (ledger, uuid) = (Arc::clone(&workflow.ledger), app.uuid);
        entries = while_allowed(entries, Authority { ledger, token, app: app.id, uuid, verb: Verb::Read });
    }
    let lines = entries.map(move |entry| shape.line(&entry)).boxed();
    let lines = if query.follow && shape == Shape::Objects { ndjson::with_signs_of_life(lines) } else { lines };
    Ok(ndjson::answer(shape.media_type(), lines))
}

/// Entries for as long as whoever follows them may read them, and then why he may not any more.
fn while_allowed(entries: BoxStream<'static, LogEntry>, authority: Authority) -> BoxStream<'static, LogEntry> {
    let lost = async move { authority.lost().await.to_string() }.boxed();
    let next = |following: Option<(BoxStream<'static, LogEntry>, BoxFuture<'static, String>)>| async move {
        let (mut entries, mut lost) = following?;
        tokio::select! {
            biased;
            text = &mut lost => Some((LogEntry::Notice { text }, None)),
            entry = entries.next() => Some((entry?, Some((entries, lost)))),
        }
    };
    stream::unfold(Some((entries, lost)), next).boxed()
}

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    Objects,
}

impl Shape {
    /// Text, unless it is asked for objects by their name.
    fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut types = accepted.flat_map(|value| value.split(','));
        let objects = types.any(|part| part.split(';').next().is_some_and(|name| name.trim() == LOG_MEDIA_TYPE));
        if objects { Self::Objects } else { Self::Text }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Objects => LOG_MEDIA_TYPE,
        }
    }

    fn line(self, entry: &LogEntry) -> Bytes {
        match self {
            Self::Text => format!("{entry}\n").into(),
            Self::Objects => ndjson::line(entry),
        }
    }
}

fn query(parameters: &HashMap<String, String>, now: Timestamp) -> Result<logs::Query, Error> {
    // An empty parameter is one that is not given.
    let given = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let lines = given("log_lines").map(|text| {
        let lines = text.parse::<u32>().ok().filter(|lines| *lines > 0);
        lines.ok_or_else(|| Error::field("log_lines", "A valid integer is required."))
    });
    let follow = match given("follow") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(Error::field("follow", "It is true or false.")),
    };
    Ok(logs::Query {
        lines: lines.transpose()?.unwrap_or(LINES).min(MOST_LINES),
        process: given("process").map(str::parse::<ProcType>).transpose().map_err(Error::name("process"))?,
        since: given("since").map(|text| since(text, now)).transpose()?,
        follow,
    })
}

/// A time, or how long ago it was.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Error> {
    let ago = || {
        let ago = text.parse::<SignedDuration>().ok().filter(|ago| !ago.is_negative())?;
        now.checked_sub(ago).ok()
    };
    let time = text.parse::<Timestamp>().ok().or_else(ago);
    time.ok_or_else(|| {
        Error::field("since", "It is a time such as 2016-02-20T23:18:03Z, or how long ago: 10m, 2h, 1h30m.")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now = "2016-02-20T23:18:03Z".parse().unwrap();
        let parsed = |text: &str| since(text, now).map_or_else(|error| error.to_string(), |time| time.to_string());
        assert_eq!(parsed("2016-02-20T22:00:00.5Z"), "2016-02-20T22:00:00.5Z");
        assert_eq!(parsed("2016-02-20T22:00:00+01:00"), "2016-02-20T21:00:00Z");
        assert_eq!(parsed("10m"), "2016-02-20T23:08:03Z");
        assert_eq!(parsed("1h30m"), "2016-02-20T21:48:03Z");
        for text in ["yesterday", "-10m", "10", "9999999999h"] {
            assert!(parsed(text).starts_with("It is a time such as"), "{text}");
        }
    }

    #[test]
    fn objects_are_for_those_who_ask_for_them() {
        let shape = |accept: &'static str| {
            Shape::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert_eq!(shape("*/*"), Shape::Text);
        assert_eq!(shape("text/plain"), Shape::Text);
        assert_eq!(shape("application/x-ndjson, text/plain;q=0.5"), Shape::Objects);
        assert_eq!(Shape::of(&HeaderMap::new()), Shape::Text);
    }
}
