use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{KeyId, rest};

use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{NotFound, OfAccount, OfBody};
use super::pages::Paging;
use crate::access::{Object as Of, Verb, authorise};
use crate::accounts::parse_key;
use crate::acting::Acting;
use crate::error::{Error, Kind};
use crate::ledger::Key;
use crate::server::{Reading, Workflow};

/// `GET /v2/keys/`: one's own.
#[utoipa::path(
    get, path = "/v2/keys/", operation_id = "keys_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Key>), OfAccount)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Key>>, ApiError> {
    let user = authorise(&actor, Verb::Read, Of::Own)?;
    let keys = reading.ledger.keys(&user.username, paging.window).await?;
    Ok(Json(paging.page(keys, shown)))
}

/// `POST /v2/keys/`.
#[utoipa::path(
    post, path = "/v2/keys/", operation_id = "keys_add",
    request_body = rest::NewKey,
    responses((status = 201, body = rest::Key), OfBody, OfAccount)
)]
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<(StatusCode, Json<rest::Key>), ApiError> {
    let user = authorise(&actor, Verb::Change, Of::Own)?;
    let body: rest::NewKey = body.decode(&["id", "public"])?;
    let id = body.id.trim().parse().map_err(Error::name("id"))?;
    let key = parse_key(user.username.clone(), id, &body.public)?;
    Acting::refer_to(&["keys", key.id.as_str()]);
    workflow.ledger.add_key(&key).await?;
    Ok((StatusCode::CREATED, Json(shown(key))))
}

/// `GET /v2/keys/{id}/`.
#[utoipa::path(
    get, path = "/v2/keys/{id}/", operation_id = "keys_show",
    responses((status = 200, body = rest::Key), OfAccount, NotFound)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Key>, ApiError> {
    let user = authorise(&actor, Verb::Read, Of::Own)?;
    let key = match parsed(&id) {
        Some(id) => reading.ledger.key(&user.username, &id).await?,
        None => None,
    };
    Ok(Json(shown(key.ok_or(Error::Missing(Kind::Key))?)))
}

/// `DELETE /v2/keys/{id}/`.
#[utoipa::path(
    delete, path = "/v2/keys/{id}/", operation_id = "keys_delete",
    responses((status = 204), OfAccount, NotFound)
)]
pub(super) async fn delete(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let user = authorise(&actor, Verb::Change, Of::Own)?;
    let id = parsed(&id).ok_or(Error::Missing(Kind::Key))?;
    if workflow.ledger.delete_key(&user.username, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::Missing(Kind::Key).into())
    }
}

/// An id that cannot be is one that is not there.
fn parsed(id: &str) -> Option<KeyId> {
    id.parse().ok()
}

fn shown(key: Key) -> rest::Key {
    rest::Key {
        uuid: key.uuid,
        owner: key.owner.to_string(),
        id: key.id.to_string(),
        public: key.public,
        fingerprint: key.fingerprint,
        created: key.created.into(),
        updated: key.created.into(),
    }
}
