use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::rest;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::settings::apply;
use crate::access::Verb;
use crate::apps::{self, Addresses, SettingsPatch};
use crate::error::Error;
use crate::ledger::App;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/whitelist/`: who may call the app; everybody when it is empty.
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Whitelist>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `POST /v2/apps/{app}/whitelist/`: answers all.
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::Whitelist>), ApiError> {
    let app = apply(&workflow, &actor, Verb::Change, &id, || patch(body, Addresses::Add)).await?;
    Ok((StatusCode::CREATED, Json(shown(app))))
}

/// `DELETE /v2/apps/{app}/whitelist/`: the owner's right.
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
