use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use deis_api::rest;
use jiff::Timestamp;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::pods::shown;
use crate::access::{Actor, Verb};
use crate::apps::{self, Restart, Selection, pod_views};
use crate::error::Error;
use crate::server::{Wait, Workflow};

/// `POST /v2/apps/{app}/pods/restart/`.
pub(super) async fn all(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, None, None).await?)
}

/// `POST /v2/apps/{app}/pods/{type}/restart/`.
pub(super) async fn of_type(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, Some(&kind), None).await?)
}

/// `POST /v2/apps/{app}/pods/{type}/{name}/restart/`.
pub(super) async fn one(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path((id, kind, name)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, Some(&kind), Some(name)).await?)
}

/// It goes on when the client goes away. Answered are the new pods, or with `Prefer: respond-async` at once those that are replaced.
async fn restarted(
    workflow: &Workflow,
    actor: &Actor,
    wait: Wait,
    id: &str,
    kind: Option<&str>,
    name: Option<String>,
) -> Result<Response, Error> {
    let (_, app) = find(workflow.ledger.as_ref(), actor, Verb::Change, id).await?;
    // A type that cannot be has no pods.
    let Ok(proc_type) = kind.map(str::parse).transpose() else {
        return Ok(Json(Vec::<rest::Pod>::new()).into_response());
    };
    let selection = Selection { proc_type, name };
    let (id, work) = (app.id.clone(), workflow.clone());
    let record =
        async move { apps::restart(work.ledger.as_ref(), work.pods.as_ref(), &work.deployer, &id, selection).await };
    let bring_about = async move |work: Workflow, mut restart: Restart| {
        restart.chosen = apps::restarted(work.pods.as_ref(), &work.deployer, &app.id, &restart).await?;
        Ok(restart)
    };
    let pods = workflow.change("restart", wait, record, bring_about).await?.chosen;
    let pods = pod_views(pods, None, Timestamp::now()).into_iter().map(shown).collect::<Vec<_>>();
    Ok(wait.answer(StatusCode::OK, Json(pods)))
}
