use axum::Json;
use axum::extract::{Path, State};
use deis_api::rest;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfApp;
use super::pages::Paging;
use crate::access::Verb;
use crate::ledger::Entry;
use crate::server::Reading;

/// `GET /v2/apps/{app}/activity/`: who did what to it, the newest first.
#[utoipa::path(
    get, path = "/v2/apps/{app}/activity/", operation_id = "apps_activity",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Activity>), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Activity>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let entries = reading.ledger.activity(app.uuid, paging.window).await?;
    Ok(Json(paging.page(entries, shown)))
}

pub(super) fn shown(entry: Entry) -> rest::Activity {
    rest::Activity {
        number: entry.number,
        time: entry.time.into(),
        user: entry.username.map(|username| username.to_string()),
        address: entry.address,
        action: entry.action,
        before: entry.before,
        after: entry.after,
        intact: entry.is_intact,
    }
}
