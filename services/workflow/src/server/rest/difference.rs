use axum::Json;
use axum::extract::{Path, State};
use deis_api::{AppName, ReleaseVersion, rest};

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfApp;
use crate::access::Verb;
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, Snapshot};
use crate::releases::difference;
use crate::server::Reading;

/// `GET /v2/apps/{app}/releases/v{N}/diff/v{M}/`: what is different in the second.
#[utoipa::path(
    get, path = "/v2/apps/{app}/releases/{version}/diff/{other}/", operation_id = "releases_difference",
    responses((status = 200, body = rest::ReleaseDifference), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, version, other)): Path<(String, String, String)>,
) -> Result<Json<rest::ReleaseDifference>, ApiError> {
    let ledger = reading.ledger.as_ref();
    let (_, app) = find(ledger, &actor, Verb::Read, &id).await?;
    let (one, other) = (snapshot(ledger, &app.id, &version).await?, snapshot(ledger, &app.id, &other).await?);
    let (before, after) =
        difference((&one.config.settings, one.build.as_ref()), (&other.config.settings, other.build.as_ref()));
    Ok(Json(rest::ReleaseDifference {
        from: one.release.version.to_string(),
        to: other.release.version.to_string(),
        before: before.into(),
        after: after.into(),
    }))
}

async fn snapshot(ledger: &dyn Ledger, app: &AppName, version: &str) -> Result<Snapshot, Error> {
    let missing = || Error::Missing(Kind::Release);
    let version = version.parse::<ReleaseVersion>().map_err(|_| missing())?;
    ledger.snapshot_at(app, version).await?.ok_or_else(missing)
}
