use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use deis_api::{Code, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfBody, OfChange};
use super::request_key;
use crate::access::Verb;
use crate::error::Error;
use crate::runs::{self, Attendance, LONGEST, Request, Started, USUAL, USUAL_DETACHED};
use crate::server::{Wait, Workflow};

/// `POST /v2/apps/{app}/run/`: answers when the command has ended; with `Prefer: respond-async` as soon as its pod is made. It goes on when the
/// client goes away.
#[utoipa::path(
    post, path = "/v2/apps/{app}/run/", operation_id = "run_run",
    params(Wait), request_body = rest::Run,
    responses((status = 200, body = rest::RunEnded), (status = 202, body = rest::RunStarted), OfBody, OfChange)
)]
pub(super) async fn run(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    wait: Wait,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::Run = body.decode(&[])?;
    let command = body.command.filter(|command| !command.trim().is_empty());
    let command = command.ok_or_else(|| Error::refused(Code::InvalidArgument, "command is a required field"))?;
    let usual = if wait == Wait::ToTheEnd { USUAL } else { USUAL_DETACHED };
    let limit = body.timeout.map(limit).transpose()?.unwrap_or(usual);
    let request = Request { command, limit, key: request_key(&headers)?, attendance: Attendance::Nobody };

    let (user, work) = (user.username.clone(), workflow.clone());
    let run = async move {
        let events = work.deployer.events();
        let started = work.runs.start(work.ledger.as_ref(), events, &user, &app, request).await?;
        let Started { one_off, is_new } = started;
        if wait == Wait::ToTheEnd {
            if !is_new {
                return Err(runs::repeated(&one_off));
            }
            let ended = work.runs.ended(&one_off).await?;
            let body = rest::RunEnded { exit_code: ended.exit_code, output: ended.output };
            return Ok(Json(body).into_response());
        }
        let body = rest::RunStarted { pod: one_off.pod() };
        let watcher = work.clone();
        let watch = async move { watcher.runs.watched(watcher.deployer.events(), &one_off).await };
        if is_new {
            drop(work.tasks.spawn("watch a command", watch));
        }
        Ok(wait.answer(StatusCode::ACCEPTED, Json(body)))
    };
    Ok(workflow.to_the_end("run", run).await?)
}

/// How long a command may take, out of whole seconds.
pub(super) fn limit(seconds: u64) -> Result<Duration, Error> {
    let limit = Duration::from_secs(seconds);
    if limit.is_zero() || limit > LONGEST {
        return Err(Error::field("timeout", format!("It is a number of seconds, from 1 to {}.", LONGEST.as_secs())));
    }
    Ok(limit)
}
