use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::AppName;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfChange;
use crate::access::{Actor, Object as Of, Verb, authorise};
use crate::apps;
use crate::error::Error;
use crate::server::Workflow;

/// `POST /v2/apps/{app}/root/`: an administrator lets an app's images run as root.
#[utoipa::path(post, path = "/v2/apps/{app}/root/", operation_id = "root_allow", responses((status = 204), OfChange))]
pub(super) async fn allow(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let app = of_administrator(&workflow, &actor, &id).await?;
    apps::allow_root(workflow.ledger.as_ref(), &workflow.deployer, &app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v2/apps/{app}/root/`: takes that back.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/root/", operation_id = "root_forbid",
    responses((status = 204), OfChange)
)]
pub(super) async fn forbid(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let app = of_administrator(&workflow, &actor, &id).await?;
    apps::forbid_root(workflow.ledger.as_ref(), &workflow.deployer, &app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An app, for an administrator alone.
async fn of_administrator(workflow: &Workflow, actor: &Actor, id: &str) -> Result<AppName, Error> {
    authorise(actor, Verb::Control, Of::Users)?;
    let (_, app) = find(workflow.ledger.as_ref(), actor, Verb::Change, id).await?;
    Ok(app.id)
}
