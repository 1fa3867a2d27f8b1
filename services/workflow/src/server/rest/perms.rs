use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{AppName, Username, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody, OfChange};
use crate::access::{Object as Of, Verb, authorise};
use crate::error::{Error, Kind};
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/perms/`: who may use it beside its owner.
#[utoipa::path(
    get, path = "/v2/apps/{app}/perms/", operation_id = "perms_list",
    responses((status = 200, body = rest::Collaborators), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Collaborators>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(rest::Collaborators { users: app.collaborators.iter().map(ToString::to_string).collect() }))
}

/// `POST /v2/apps/{app}/perms/`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/perms/", operation_id = "perms_grant",
    request_body = rest::Grant,
    responses((status = 201), OfBody, OfChange)
)]
pub(super) async fn grant(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Control, &id).await?;
    let body: rest::Grant = body.decode(&["username"])?;
    let username = named(&body.username)?;
    workflow.ledger.share(&app.id, &username).await?;
    tell(&workflow, &app.id, format!("User {username} was granted access to {}", app.id));
    Ok(StatusCode::CREATED)
}

/// `DELETE /v2/apps/{app}/perms/{username}/`: the owner's right, and everybody's for himself.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/perms/{username}/", operation_id = "perms_revoke",
    responses((status = 204), OfChange)
)]
pub(super) async fn revoke(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((id, username)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let username = named(&username)?;
    authorise(&actor, Verb::Control, Of::Collaborator(&app, &username))?;
    if !workflow.ledger.unshare(&app.id, &username).await? {
        return Err(Error::Forbidden.into());
    }
    tell(&workflow, &app.id, format!("User {username} was revoked access to {}", app.id));
    Ok(StatusCode::NO_CONTENT)
}

fn tell(workflow: &Workflow, app: &AppName, text: String) {
    tracing::info!(%app, "{text}");
    workflow.deployer.events().record(app, "perms", text);
}

/// A name that cannot be is one of a user who is not there.
fn named(username: &str) -> Result<Username, Error> {
    username.trim().parse().map_err(|_| Error::Missing(Kind::User))
}
