use axum::Json;
use axum::extract::State;
use deis_api::rest;

use super::accounts::account;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Forbidden, NotFound, OfAccount, OfBody};
use crate::access::{Object as Of, Verb, authorise};
use crate::accounts::{PasswordChange, passwd};
use crate::server::Workflow;

/// `POST /v2/auth/passwd/`: another password for oneself, or as an administrator for another user.
#[utoipa::path(
    post, path = "/v2/auth/passwd/", operation_id = "accounts_change_password",
    request_body = rest::NewPassword,
    responses((status = 200, body = rest::PasswordSet), OfBody, OfAccount, Forbidden, NotFound)
)]
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<Json<rest::PasswordSet>, ApiError> {
    let caller = authorise(&actor, Verb::Change, Of::Own)?;
    let body: rest::NewPassword = body.decode(&[])?;
    let change = PasswordChange {
        username: account(&actor, body.username.as_deref())?,
        current: body.password.map(Into::into),
        new: body.new_password.map(Into::into),
    };
    passwd(workflow.ledger.as_ref(), &workflow.passwords, caller, change).await?;
    Ok(Json(rest::PasswordSet::default()))
}
