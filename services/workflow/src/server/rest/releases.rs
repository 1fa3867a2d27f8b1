use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use deis_api::{AppName, ReleaseVersion, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody, OfChange};
use super::pages::Paging;
use super::request_key;
use crate::access::Verb;
use crate::error::{Error, Kind};
use crate::ledger::{Release, ReleaseState};
use crate::releases;
use crate::server::{Reading, Wait, Workflow};

/// `GET /v2/apps/{app}/releases/`: failed ones too, the newest first.
#[utoipa::path(
    get, path = "/v2/apps/{app}/releases/", operation_id = "releases_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Release>), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Release>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let releases = reading.ledger.releases(&app.id, paging.window).await?;
    let without_lines = |release| Release { log_tail: Vec::new(), ..release };
    Ok(Json(paging.page(releases, |release| shown(&app.id, without_lines(release)))))
}

/// `GET /v2/apps/{app}/releases/v{N}/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/releases/{version}/", operation_id = "releases_show",
    responses((status = 200, body = rest::Release), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, version)): Path<(String, String)>,
) -> Result<Json<rest::Release>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let release = match version.parse::<ReleaseVersion>() {
        Ok(version) => reading.ledger.release_at(&app.id, version).await?,
        Err(_) => None,
    };
    Ok(Json(shown(&app.id, release.ok_or(Error::Missing(Kind::Release))?)))
}

/// `POST /v2/apps/{app}/releases/rollback/`: a new release with the build and config of an earlier one.
#[utoipa::path(
    post, path = "/v2/apps/{app}/releases/rollback/", operation_id = "releases_rollback",
    params(Wait), request_body = rest::Rollback,
    responses((status = 201, body = rest::RolledBack), (status = 202, body = rest::RolledBack), OfBody, OfChange)
)]
pub(super) async fn rollback(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    wait: Wait,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::Rollback = body.decode(&[])?;
    let key = request_key(&headers)?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let record = async move { releases::rollback(work.ledger.as_ref(), &user, &id, &key, body.version).await };
    let released = workflow.release("roll back", wait, &app.id, record).await?;
    let version = released.release.version.get().unsigned_abs();
    Ok(wait.answer_release(&app.id, &released.release, Json(rest::RolledBack { version })))
}

fn shown(app: &AppName, release: Release) -> rest::Release {
    let (code, message) = release.failure.unzip();
    rest::Release {
        uuid: release.uuid,
        owner: release.owner.to_string(),
        app: app.to_string(),
        version: release.version.get().unsigned_abs(),
        summary: release.summary,
        failed: release.state == ReleaseState::Failed,
        exception: message.map(|message| format!("error: {message}")),
        code: code.map(|code| code.to_string()),
        log_tail: release.log_tail,
        config: release.config,
        build: release.build,
        created: release.created.into(),
        updated: release.updated.into(),
    }
}
