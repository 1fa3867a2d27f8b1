use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::rest;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody, OfChange};
use super::settings::apply;
use crate::access::Verb;
use crate::acting::Acting;
use crate::apps::SettingsPatch;
use crate::ledger::App;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/tls/`: null as long as nobody has said anything.
#[utoipa::path(
    get, path = "/v2/apps/{app}/tls/", operation_id = "tls_show",
    responses((status = 200, body = rest::Tls), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Tls>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `POST /v2/apps/{app}/tls/`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/tls/", operation_id = "tls_change",
    request_body = rest::TlsPatch,
    responses((status = 201, body = rest::Tls), OfBody, OfChange)
)]
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::Tls>), ApiError> {
    let read = || {
        let rest::TlsPatch { https_enforced } = body.booleans(&["https_enforced"])?.decode(&["https_enforced"])?;
        Ok(SettingsPatch { https_enforced: Some(https_enforced), ..SettingsPatch::default() })
    };
    Acting::refer_to(&["apps", &id, "tls"]);
    let app = apply(&workflow, &actor, Verb::Change, &id, read).await?;
    Ok((StatusCode::CREATED, Json(shown(app))))
}

fn shown(app: App) -> rest::Tls {
    rest::Tls {
        uuid: app.uuid,
        owner: app.owner.to_string(),
        app: app.id.to_string(),
        https_enforced: app.settings.rules.https_enforced,
        created: app.created.into(),
        updated: app.updated.into(),
    }
}
