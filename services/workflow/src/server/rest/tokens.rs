use axum::Json;
use axum::extract::State;
use deis_api::rest;
use serde::Serialize;

use super::accounts::account;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Forbidden, NotFound, OfAccount, OfBody};
use crate::access::{Object as Of, Verb, authorise};
use crate::accounts;
use crate::server::Workflow;

/// A new token, or nothing where those of all users have ended.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(super) enum Regenerated {
    /// Of one user.
    One(rest::Token),
    /// An empty text.
    All(String),
}

/// `POST /v2/auth/tokens/`: a new token for oneself, or as an administrator for another or for all. Those there were end; all users get
/// theirs by logging in.
#[utoipa::path(
    post, path = "/v2/auth/tokens/", operation_id = "accounts_regenerate_tokens",
    request_body = rest::Regenerate,
    responses((status = 200, body = Regenerated), OfBody, OfAccount, Forbidden, NotFound)
)]
pub(super) async fn regenerate(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<Json<Regenerated>, ApiError> {
    let body: rest::Regenerate = body.decode(&[])?;
    // Who names somebody does not mean all.
    if body.all && body.username.is_none() {
        authorise(&actor, Verb::Control, Of::Users)?;
        accounts::regenerate_all(workflow.ledger.as_ref()).await?;
        return Ok(Json(Regenerated::All(String::new())));
    }
    let username = account(&actor, body.username.as_deref())?;
    let token = accounts::regenerate(workflow.ledger.as_ref(), &username).await?;
    Ok(Json(Regenerated::One(rest::Token { token: token.into() })))
}
