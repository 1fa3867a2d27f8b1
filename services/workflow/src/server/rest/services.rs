use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{Code, ProcType, rest};
use deis_kube::paths::{NoPattern, PathPattern};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody, OfChange};
use super::settings::apply;
use crate::access::Verb;
use crate::apps::SettingsPatch;
use crate::error::Error;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/services/`: the process types that have paths of the app, and which.
#[utoipa::path(
    get, path = "/v2/apps/{app}/services/", operation_id = "services_list",
    responses((status = 200, body = rest::Services), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Services>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let services = app.settings.rules.services.into_iter();
    let services =
        services.map(|(kind, path_pattern)| rest::Service { procfile_type: kind.to_string(), path_pattern }).collect();
    Ok(Json(rest::Services { services }))
}

/// `POST /v2/apps/{app}/services/`: gives paths to a process type, or others than it had. It is 204 when it has just those.
#[utoipa::path(
    post, path = "/v2/apps/{app}/services/", operation_id = "services_add",
    request_body = rest::Service,
    responses((status = 201), (status = 204), OfBody, OfChange)
)]
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let read = || {
        let body: rest::Service = body.decode(&["procfile_type", "path_pattern"])?;
        let kind = body.procfile_type.parse().map_err(Error::name("procfile_type"))?;
        let pattern = body.path_pattern.parse().map_err(|error: NoPattern| Error::List(error.to_string()))?;
        Ok(patch(kind, Some(pattern)))
    };
    match apply(&workflow, &actor, Verb::Change, &id, read).await {
        Ok(_app) => Ok(StatusCode::CREATED),
        Err(Error::Refused { code: Code::NothingChanged, .. }) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /v2/apps/{app}/services/`: the owner's right. The paths are the served process type's again.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/services/", operation_id = "services_remove",
    request_body = rest::ServiceRemoval,
    responses((status = 204), OfBody, OfChange)
)]
pub(super) async fn remove(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let read = || {
        let body: rest::ServiceRemoval = body.decode(&["procfile_type"])?;
        Ok(patch(body.procfile_type.parse().map_err(Error::name("procfile_type"))?, None))
    };
    apply(&workflow, &actor, Verb::Control, &id, read).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn patch(kind: ProcType, pattern: Option<PathPattern>) -> SettingsPatch {
    SettingsPatch { services: [(kind, pattern)].into(), ..SettingsPatch::default() }
}
