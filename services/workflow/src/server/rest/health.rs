use axum::extract::State;

use super::error::ApiError;
use crate::server::Reading;

/// `GET /healthz`: the process answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "health_process",
    security(()),
    responses((status = 200, body = String))
)]
pub(super) async fn healthz() -> &'static str {
    "OK"
}

/// `GET /readiness`: the ledger answers too.
#[utoipa::path(
    get, path = "/readiness", operation_id = "health_readiness",
    security(()),
    responses((status = 200, body = String))
)]
pub(super) async fn readiness(State(reading): State<Reading>) -> Result<&'static str, ApiError> {
    reading.ledger.ping().await?;
    Ok("OK")
}
