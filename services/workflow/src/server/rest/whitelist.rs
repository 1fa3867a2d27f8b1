use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::rest;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{NotSet, OfApp, OfBody, OfChange};
use super::settings::apply;
use crate::access::Verb;
use crate::acting::Acting;
use crate::apps::{self, Addresses, SettingsPatch};
use crate::error::Error;
use crate::ledger::App;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/whitelist/`: who may call the app; everybody when it is empty.
#[utoipa::path(
    get, path = "/v2/apps/{app}/whitelist/", operation_id = "whitelist_list",
    responses((status = 200, body = rest::Whitelist), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Whitelist>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `POST /v2/apps/{app}/whitelist/`: answers all.
#[utoipa::path(
    post, path = "/v2/apps/{app}/whitelist/", operation_id = "whitelist_add",
    request_body = rest::Whitelist,
    responses((status = 201, body = rest::Whitelist), OfBody, OfChange)
)]
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::Whitelist>), ApiError> {
    Acting::refer_to(&["apps", &id, "whitelist"]);
    let app = apply(&workflow, &actor, Verb::Change, &id, || patch(body, Addresses::Add)).await?;
    Ok((StatusCode::CREATED, Json(shown(app))))
}

/// `DELETE /v2/apps/{app}/whitelist/`: the owner's right.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/whitelist/", operation_id = "whitelist_remove",
    request_body = rest::Whitelist,
    responses((status = 204), OfBody, OfChange, NotSet)
)]
pub(super) async fn remove(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    apply(&workflow, &actor, Verb::Control, &id, || patch(body, Addresses::Remove)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn patch(body: Object, change: fn(std::collections::BTreeSet<String>) -> Addresses) -> Result<SettingsPatch, Error> {
    let rest::Whitelist { addresses } = body.decode(&["addresses"])?;
    let addresses = apps::addresses(addresses).map_err(Error::List)?;
    Ok(SettingsPatch { whitelist: Some(change(addresses)), ..SettingsPatch::default() })
}

fn shown(app: App) -> rest::Whitelist {
    rest::Whitelist { addresses: app.settings.rules.whitelist.unwrap_or_default().into_iter().collect() }
}
