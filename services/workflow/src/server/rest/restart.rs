use axum::Json;
use axum::extract::{Path, State};
use deis_api::rest;
use jiff::Timestamp;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::pods::shown;
use crate::access::{Actor, Verb};
use crate::apps::{self, Selection, pod_views};
use crate::error::Error;
use crate::server::Workflow;

/// `POST /v2/apps/{app}/pods/restart/`.
pub(super) async fn all(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(restarted(&workflow, &actor, &id, None, None).await?))
}

/// `POST /v2/apps/{app}/pods/{type}/restart/`.
pub(super) async fn of_type(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(restarted(&workflow, &actor, &id, Some(&kind), None).await?))
}

/// `POST /v2/apps/{app}/pods/{type}/{name}/restart/`.
pub(super) async fn one(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((id, kind, name)): Path<(String, String, String)>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(restarted(&workflow, &actor, &id, Some(&kind), Some(name)).await?))
}

/// It goes on when the client goes away.
async fn restarted(
    workflow: &Workflow,
    actor: &Actor,
    id: &str,
    kind: Option<&str>,
    name: Option<String>,
) -> Result<Vec<rest::Pod>, Error> {
    let (_, app) = find(workflow.ledger.as_ref(), actor, Verb::Change, id).await?;
    // A type that cannot be has no pods.
    let Ok(proc_type) = kind.map(str::parse).transpose() else { return Ok(Vec::new()) };
    let selection = Selection { proc_type, name };
    let work = workflow.clone();
    let restart = async move {
        apps::restart(work.ledger.as_ref(), work.pods.as_ref(), &work.deployer, &app.id, &selection).await
    };
    let pods = workflow.to_the_end("restart", restart).await?;
    Ok(pod_views(pods, None, Timestamp::now()).into_iter().map(shown).collect())
}
