use axum::extract::State;
use axum::http::StatusCode;
use deis_api::rest;

use super::accounts::account;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Conflict, Forbidden, NotFound, OfAccount, OfBody};
use crate::accounts;
use crate::server::Workflow;

/// `DELETE /v2/auth/cancel/`: ends one's own account, or as an administrator another's.
#[utoipa::path(
    delete, path = "/v2/auth/cancel/", operation_id = "accounts_cancel",
    request_body = rest::Cancel,
    responses((status = 204), OfBody, OfAccount, Forbidden, NotFound, Conflict)
)]
pub(super) async fn cancel(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let body: rest::Cancel = body.decode(&[])?;
    let username = account(&actor, body.username.as_deref())?;
    accounts::cancel(workflow.ledger.as_ref(), &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
