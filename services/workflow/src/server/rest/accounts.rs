use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use deis_api::{Username, rest};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::body::Object;
use super::caller::{Caller, PerhapsCaller};
use super::error::ApiError;
use super::openapi::{Forbidden, OfAccount, OfAdministrator, OfBody};
use super::pages::Paging;
use crate::access::{Actor, Object as Of, Verb, authorise};
use crate::accounts::{self, Profile};
use crate::error::{Error, Kind};
use crate::ledger::User;
use crate::server::{Reading, Workflow};

/// `GET /v2/`: 401 without a token; clients tell by it that this is a controller.
#[utoipa::path(
    get, path = "/v2/", operation_id = "controller_show",
    responses((status = 200, description = "This is a controller, and the token is known.", body = Object), OfAccount)
)]
pub(super) async fn root(Caller(actor): Caller) -> Result<Json<Value>, ApiError> {
    authorise(&actor, Verb::Read, Of::Own)?;
    Ok(Json(json!({})))
}

/// `POST /v2/auth/register/`.
#[utoipa::path(
    post, path = "/v2/auth/register/", operation_id = "accounts_register",
    request_body = rest::Registration, security((), ("token" = [])),
    responses((status = 201, body = rest::User), OfBody, Forbidden)
)]
pub(super) async fn register(
    State(workflow): State<Workflow>,
    PerhapsCaller(actor): PerhapsCaller,
    body: Object,
) -> Result<(StatusCode, Json<rest::User>), ApiError> {
    let body: rest::Registration = body.decode(&["username", "password"])?;
    let profile = Profile {
        username: body.username.parse().map_err(Error::name("username"))?,
        password: body.password.into(),
        email: body.email,
        first_name: body.first_name,
        last_name: body.last_name,
    };
    let mode = *workflow.registration.borrow();
    let user = accounts::register(workflow.ledger.as_ref(), &workflow.passwords, mode, &actor, profile).await?;
    Ok((StatusCode::CREATED, Json(shown(user))))
}

/// `POST /v2/auth/login/`.
#[utoipa::path(
    post, path = "/v2/auth/login/", operation_id = "accounts_login",
    request_body = rest::Login, security(()),
    responses((status = 200, body = rest::Token), OfBody)
)]
pub(super) async fn login(State(workflow): State<Workflow>, body: Object) -> Result<Json<rest::Token>, ApiError> {
    let body: rest::Login = body.decode(&["username", "password"])?;
    // A name that cannot be is one of a user who is not there.
    let username = body.username.trim().parse().map_err(|_| accounts::no_login())?;
    let password = SecretString::from(body.password);
    let token = accounts::login(workflow.ledger.as_ref(), &workflow.passwords, &username, password).await?;
    Ok(Json(rest::Token { token: token.into() }))
}

/// `GET /v2/auth/whoami/`.
#[utoipa::path(
    get, path = "/v2/auth/whoami/", operation_id = "accounts_whoami",
    responses((status = 200, body = rest::User), OfAccount)
)]
pub(super) async fn whoami(Caller(actor): Caller) -> Result<Json<rest::User>, ApiError> {
    Ok(Json(shown(authorise(&actor, Verb::Read, Of::Own)?.clone())))
}

/// `GET /v2/users/`, for administrators.
#[utoipa::path(
    get, path = "/v2/users/", operation_id = "users_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::User>), OfAdministrator)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    paging: Paging,
) -> Result<Json<rest::Page<rest::User>>, ApiError> {
    authorise(&actor, Verb::Read, Of::Users)?;
    let users = reading.ledger.users(false, paging.window).await?;
    Ok(Json(paging.page(users, shown)))
}

/// Whose account a request is about: the caller's, or another's that he names and may control.
pub(super) fn account(actor: &Actor, named: Option<&str>) -> Result<Username, Error> {
    let user = authorise(actor, Verb::Change, Of::Own)?;
    let Some(named) = named else { return Ok(user.username.clone()) };
    let Ok(username) = named.trim().parse() else {
        // A name that cannot be is one of a user who is not there; only who may see all users learns which there are.
        authorise(actor, Verb::Control, Of::Users)?;
        return Err(Error::Missing(Kind::User));
    };
    authorise(actor, Verb::Control, Of::Account(&username))?;
    Ok(username)
}

fn shown(user: User) -> rest::User {
    rest::User {
        username: user.username.to_string(),
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        is_superuser: user.is_superuser,
        is_staff: user.is_staff,
        is_active: user.is_active,
        groups: Vec::new(),
        user_permissions: Vec::new(),
        last_login: user.last_login.map(Into::into),
        date_joined: user.joined.into(),
    }
}
