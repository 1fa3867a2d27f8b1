use axum::Json;
use axum::extract::{Path, State};
use deis_api::rest;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::pages::Paging;
use crate::access::Verb;
use crate::ledger::Listed;
use crate::server::Reading;

/// `GET /v2/apps/{app}/domains/`: an app is served under its own name, completed with the platform's domain.
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Domain>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let own = rest::Domain {
        owner: app.owner.to_string(),
        app: app.id.to_string(),
        domain: app.id.to_string(),
        created: app.created.into(),
        updated: app.created.into(),
    };
    let items = if paging.window.offset == 0 { vec![own] } else { Vec::new() };
    Ok(Json(paging.page(Listed { total: 1, items }, |domain| domain)))
}
