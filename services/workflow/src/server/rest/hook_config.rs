use axum::Json;
use axum::extract::State;
use deis_api::rest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Object;
use super::config::shown;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody};
use super::outside_builder::OutsideBuilder;
use crate::ledger::Change;
use crate::server::Reading;

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = OutsideBuildWanted)]
struct Body {
    receive_user: String,
    receive_repo: String,
}

/// `POST /v2/hooks/config/`: that of the latest release that has not failed, for a build. It is noted: all of the app's secrets leave
/// the platform.
#[utoipa::path(
    post, path = "/v2/hooks/config/", operation_id = "hooks_config",
    request_body = Body, security(("builder" = [])),
    responses((status = 200, body = rest::Config), OfBody, OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    builder: OutsideBuilder,
    body: Object,
) -> Result<Json<rest::Config>, ApiError> {
    let body: Body = body.decode(&["receive_user", "receive_repo"])?;
    let ledger = reading.ledger.as_ref();
    let (_user, app) = builder.pushes(ledger, &body.receive_user, &body.receive_repo).await?;
    let ground = ledger.ground(&app.id).await?;
    let told = json!({ "to": "an outside builder", "config": ground.config.uuid });
    ledger.note(Change::app(&app.id, "config.tell", Value::Null, told)).await?;
    Ok(Json(shown(&app.id, ground.config)))
}
