use axum::Json;
use axum::extract::{Path, State};
use deis_api::{ProcType, rest};
use jiff::Timestamp;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfApp;
use crate::access::{Actor, Verb};
use crate::apps::pod_views;
use crate::deploy::PodView;
use crate::error::Error;
use crate::server::Reading;

/// `GET /v2/apps/{app}/pods/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/pods/", operation_id = "pods_list",
    responses((status = 200, body = rest::PodList), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::PodList>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, None, None).await?))
}

/// `GET /v2/apps/{app}/pods/{type}/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/pods/{type}/", operation_id = "pods_list_type",
    responses((status = 200, body = rest::PodList), OfApp)
)]
pub(super) async fn list_type(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, kind)): Path<(String, String)>,
) -> Result<Json<rest::PodList>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, Some(&kind), None).await?))
}

/// `GET /v2/apps/{app}/pods/{type}/{name}/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/pods/{type}/{name}/", operation_id = "pods_show",
    responses((status = 200, body = rest::PodList), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, kind, name)): Path<(String, String, String)>,
) -> Result<Json<rest::PodList>, ApiError> {
    Ok(Json(found(&reading, &actor, &id, Some(&kind), Some(&name)).await?))
}

pub(super) async fn found(
    reading: &Reading,
    actor: &Actor,
    id: &str,
    kind: Option<&str>,
    name: Option<&str>,
) -> Result<rest::PodList, Error> {
    let (_, app) = find(reading.ledger.as_ref(), actor, Verb::Read, id).await?;
    // A type that cannot be has no pods.
    let kind = match kind.map(str::parse::<ProcType>) {
        Some(Err(_)) => return Ok(rest::PodList::default()),
        Some(Ok(kind)) => Some(kind),
        None => None,
    };
    let views = pod_views(reading.pods.pods(&app.id), kind.as_ref(), Timestamp::now());
    let named = views.into_iter().filter(|view| name.is_none_or(|name| view.name == name));
    let results = named.map(shown).collect::<Vec<_>>();
    Ok(rest::PodList { count: u64::try_from(results.len()).unwrap_or(u64::MAX), results })
}

pub(super) fn shown(view: PodView) -> rest::Pod {
    rest::Pod {
        name: view.name,
        state: view.state,
        release: view.release,
        kind: view.proc_type.to_string(),
        started: view.started.into(),
    }
}
