use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{Username, rest};

use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{NotFound, OfAdministrator, OfBody};
use super::pages::Paging;
use crate::access::{Object as Of, Verb, authorise};
use crate::error::{Error, Kind};
use crate::server::{Reading, Workflow};

/// `GET /v2/admin/perms/`: those who may do everything.
#[utoipa::path(
    get, path = "/v2/admin/perms/", operation_id = "administrators_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Administrator>), OfAdministrator)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Administrator>>, ApiError> {
    authorise(&actor, Verb::Read, Of::Users)?;
    let users = reading.ledger.users(true, paging.window).await?;
    Ok(Json(paging.page(users, |user| rest::Administrator {
        username: user.username.to_string(),
        is_superuser: user.is_superuser,
    })))
}

/// `POST /v2/admin/perms/`.
#[utoipa::path(
    post, path = "/v2/admin/perms/", operation_id = "administrators_grant",
    request_body = rest::Grant,
    responses((status = 201), OfBody, OfAdministrator, NotFound)
)]
pub(super) async fn grant(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<StatusCode, ApiError> {
    authorise(&actor, Verb::Control, Of::Users)?;
    let body: rest::Grant = body.decode(&["username"])?;
    set(&workflow, &body.username, true).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /v2/admin/perms/{username}/`: one may do that to oneself.
#[utoipa::path(
    delete, path = "/v2/admin/perms/{username}/", operation_id = "administrators_revoke",
    responses((status = 204), OfAdministrator, NotFound)
)]
pub(super) async fn revoke(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(username): Path<String>,
) -> Result<StatusCode, ApiError> {
    authorise(&actor, Verb::Control, Of::Users)?;
    set(&workflow, &username, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set(workflow: &Workflow, username: &str, superuser: bool) -> Result<(), Error> {
    // A name that cannot be is one of a user who is not there.
    let username = username.trim().parse::<Username>().map_err(|_| Error::Missing(Kind::User))?;
    if workflow.ledger.set_superuser(&username, superuser).await? { Ok(()) } else { Err(Error::Missing(Kind::User)) }
}
