use axum::extract::State;

use super::error::ApiError;
use crate::server::Reading;

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> &'static str {
    "OK"
}

/// `GET /readiness`: the ledger answers too.
pub(super) async fn readiness(State(reading): State<Reading>) -> Result<&'static str, ApiError> {
    reading.ledger.ping().await?;
    Ok("OK")
}
