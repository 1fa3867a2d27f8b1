use axum::Json;
use axum::extract::{Path, State};
use deis_api::{AppName, rest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBuilder, OfChange};
use super::pages::Paging;
use crate::access::Verb;
use crate::acting::Acting;
use crate::error::{Error, Kind};
use crate::ledger::{Build, Change};
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/builds/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/builds/", operation_id = "builds_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Build>), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Build>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let builds = reading.ledger.builds(&app.id, paging.window).await?;
    Ok(Json(paging.page(builds, |build| shown(&app.id, build))))
}

/// `GET /v2/apps/{app}/builds/{uuid}/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/builds/{uuid}/", operation_id = "builds_show",
    responses((status = 200, body = rest::Build), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, uuid)): Path<(String, String)>,
) -> Result<Json<rest::Build>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let build = reading.ledger.build(&app.id, parsed(&uuid)?).await?;
    Ok(Json(shown(&app.id, build.ok_or(Error::Missing(Kind::Build))?)))
}

/// `GET /v2/apps/{app}/builds/{uuid}/log`: what people read while it was built.
#[utoipa::path(
    get, path = "/v2/apps/{app}/builds/{uuid}/log/", operation_id = "builds_log",
    responses((status = 200, body = String), OfApp)
)]
pub(super) async fn log(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, uuid)): Path<(String, String)>,
) -> Result<String, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let log = reading.ledger.build_log(&app.id, parsed(&uuid)?).await?;
    Ok(log.ok_or(Error::Missing(Kind::Build))?)
}

/// `DELETE /v2/apps/{app}/builds/running/`: ends the build that runs. Whoever may push may do this.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/builds/running/", operation_id = "builds_cancel",
    responses((status = 200, body = rest::CancelledBuild), OfChange, OfBuilder)
)]
pub(super) async fn cancel(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::CancelledBuild>, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let sha = workflow.builder.cancel(&app.id, &user.username).await?;
    Acting::refer_to(&["apps", app.id.as_str(), "builds", "cancelled", sha.as_str()]);
    let cancelled = Change::app(&app.id, "build.cancel", Value::Null, json!({ "sha": sha.as_str() }));
    workflow.ledger.note(cancelled).await?;
    Ok(Json(rest::CancelledBuild { sha: sha.to_string() }))
}

/// What [`cancel`] shows to who asks again.
pub(super) async fn cancelled(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, sha)): Path<(String, String)>,
) -> Result<Json<rest::CancelledBuild>, ApiError> {
    find(reading.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    Ok(Json(rest::CancelledBuild { sha }))
}

/// `DELETE /v2/apps/{app}/builds/cache/`: the next build starts from nothing.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/builds/cache/", operation_id = "builds_clear_cache",
    responses((status = 200, body = rest::ClearedCache), OfChange, OfBuilder)
)]
pub(super) async fn clear_cache(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::ClearedCache>, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let bytes = workflow.builder.clear_cache(&app.id).await?;
    workflow.ledger.note(Change::app(&app.id, "build.clear-cache", Value::Null, Value::Null)).await?;
    Ok(Json(rest::ClearedCache { bytes }))
}

/// An identity that cannot be is one that is not there.
fn parsed(uuid: &str) -> Result<Uuid, Error> {
    uuid.parse().map_err(|_| Error::Missing(Kind::Build))
}

pub(super) fn shown(app: &AppName, build: Build) -> rest::Build {
    rest::Build {
        uuid: build.uuid,
        owner: build.owner.to_string(),
        app: app.to_string(),
        image: build.image,
        sha: build.sha.map(|sha| sha.to_string()).unwrap_or_default(),
        procfile: build.procfile.into_iter().map(|(kind, command)| (kind.to_string(), command)).collect(),
        dockerfile: build.dockerfile,
        state: build.state.as_str().to_owned(),
        failure: build.failure.map(|(_code, message)| message),
        created: build.created.into(),
        updated: build.created.into(),
    }
}
