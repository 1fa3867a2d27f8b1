use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use deis_api::rest;

use super::accounts::account;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use crate::access::{Object as Of, Verb, authorise};
use crate::accounts;
use crate::server::Workflow;

/// `POST /v2/auth/tokens/`: a new token for oneself, or as an administrator for another or for all. Those there were end; all users get
/// theirs by logging in.
pub(super) async fn regenerate(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<Response, ApiError> {
    let body: rest::Regenerate = body.decode(&[])?;
    // Who names somebody does not mean all.
    if body.all && body.username.is_none() {
        authorise(&actor, Verb::Control, Of::Users)?;
        accounts::regenerate_all(workflow.ledger.as_ref()).await?;
        return Ok(Json("").into_response());
    }
    let username = account(&actor, body.username.as_deref())?;
    let token = accounts::regenerate(workflow.ledger.as_ref(), &username).await?;
    Ok(Json(rest::Token { token: token.into() }).into_response())
}
