use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use deis_api::rest;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use crate::access::Verb;
use crate::server::Reading;

/// `GET /v2/apps/{app}/settings/`: what every app has from its creation on.
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::AppSettings>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(rest::AppSettings {
        uuid: app.uuid,
        owner: app.owner.to_string(),
        app: app.id.to_string(),
        maintenance: false,
        routable: true,
        whitelist: Vec::new(),
        autoscale: BTreeMap::new(),
        label: BTreeMap::new(),
        created: app.created.into(),
        updated: app.created.into(),
    }))
}
