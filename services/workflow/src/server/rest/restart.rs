use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use deis_api::rest;
use jiff::Timestamp;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfChange;
use super::pods::{found, shown};
use crate::access::{Actor, Verb};
use crate::acting::Acting;
use crate::apps::{self, Restart, Selection, pod_views};
use crate::error::Error;
use crate::server::{Reading, Wait, Workflow};

/// `POST /v2/apps/{app}/pods/restart/`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/pods/restart/", operation_id = "pods_restart",
    params(Wait),
    responses((status = 200, body = Vec<rest::Pod>), (status = 202, body = Vec<rest::Pod>), OfChange)
)]
pub(super) async fn all(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, None, None).await?)
}

/// `POST /v2/apps/{app}/pods/{type}/restart/`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/pods/{type}/restart/", operation_id = "pods_restart_type",
    params(Wait),
    responses((status = 200, body = Vec<rest::Pod>), (status = 202, body = Vec<rest::Pod>), OfChange)
)]
pub(super) async fn of_type(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, Some(&kind), None).await?)
}

/// `POST /v2/apps/{app}/pods/{type}/{name}/restart/`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/pods/{type}/{name}/restart/", operation_id = "pods_restart_one",
    params(Wait),
    responses((status = 200, body = Vec<rest::Pod>), (status = 202, body = Vec<rest::Pod>), OfChange)
)]
pub(super) async fn one(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path((id, kind, name)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    Ok(restarted(&workflow, &actor, wait, &id, Some(&kind), Some(name)).await?)
}

/// What [`all`] shows to who asks again.
pub(super) async fn restarted_all(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, None, None).await?.results))
}

/// What [`of_type`] shows to who asks again.
pub(super) async fn restarted_of_type(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, Some(&kind), None).await?.results))
}

/// What [`one`] shows to who asks again: of what took its place only the type is known.
pub(super) async fn restarted_one(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, kind, _name)): Path<(String, String, String)>,
) -> Result<Json<Vec<rest::Pod>>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, Some(&kind), None).await?.results))
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
    // No type is called that: nothing is shown again where nothing was restarted.
    let nothing = ["apps", id, "pods", "-", "restart"];
    // A type that cannot be has no pods.
    let Ok(proc_type) = kind.map(str::parse).transpose() else {
        Acting::refer_to(&nothing);
        return Ok(Json(Vec::<rest::Pod>::new()).into_response());
    };
    let chosen = kind.into_iter().chain(name.as_deref());
    Acting::refer_to(&["apps", id, "pods"].into_iter().chain(chosen).chain(["restart"]).collect::<Vec<_>>());
    let selection = Selection { proc_type, name };
    let (id, work) = (app.id.clone(), workflow.clone());
    let record =
        async move { apps::restart(work.ledger.as_ref(), work.pods.as_ref(), &work.deployer, &id, selection).await };
    let bring_about = async move |work: Workflow, mut restart: Restart| {
        restart.chosen = apps::restarted(work.pods.as_ref(), &work.deployer, &app.id, &restart).await?;
        Ok(restart)
    };
    let pods = workflow.change("restart", wait, record, bring_about).await?.chosen;
    if pods.is_empty() {
        Acting::refer_to(&nothing);
    }
    let pods = pod_views(pods, None, Timestamp::now()).into_iter().map(shown).collect::<Vec<_>>();
    Ok(wait.answer(StatusCode::OK, Json(pods)))
}
