use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::error::ApiError;
use super::openapi::{NotFound, OfAdministrator, OfApp};
use super::outside_builder::OutsideBuilder;
use crate::accounts;
use crate::error::{Error, Kind};
use crate::ledger;
use crate::server::Reading;

/// Whose a key is.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Pusher {
    username: String,
    apps: Vec<String>,
}

/// A key, as far as whoever lets people in has to know it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = PusherKey)]
pub(super) struct Key {
    key: String,
    fingerprint: String,
}

impl From<ledger::Key> for Key {
    fn from(key: ledger::Key) -> Self {
        Self { key: key.public, fingerprint: key.fingerprint }
    }
}

/// Username to keys.
type Keys = Json<BTreeMap<String, Vec<Key>>>;

/// `GET /v2/hooks/key/{fingerprint}/`: whose it is, and the apps that he may push to.
#[utoipa::path(
    get, path = "/v2/hooks/key/{fingerprint}/", operation_id = "hooks_pusher",
    security(("builder" = [])),
    responses((status = 200, body = Pusher), OfAdministrator, NotFound)
)]
pub(super) async fn pusher(
    State(reading): State<Reading>,
    _builder: OutsideBuilder,
    Path(fingerprint): Path<String>,
) -> Result<Json<Pusher>, ApiError> {
    let (username, apps) = accounts::pusher(reading.ledger.as_ref(), &fingerprint).await?;
    let apps = apps.into_iter().map(String::from).collect();
    Ok(Json(Pusher { username: username.into(), apps }))
}

/// `GET /v2/hooks/keys/{app}/`: of those whom it is shared with.
#[utoipa::path(
    get, path = "/v2/hooks/keys/{app}/", operation_id = "hooks_keys",
    security(("builder" = [])),
    responses((status = 200, body = BTreeMap<String, Vec<Key>>), OfApp)
)]
pub(super) async fn of_app(
    State(reading): State<Reading>,
    _builder: OutsideBuilder,
    Path(app): Path<String>,
) -> Result<Keys, ApiError> {
    let app = app.parse().map_err(|_| Error::Missing(Kind::App))?;
    let keys = accounts::keys_of_collaborators(reading.ledger.as_ref(), &app).await?.into_iter();
    Ok(Json(keys.map(|(username, keys)| (username.into(), shown(keys))).collect()))
}

/// `GET /v2/hooks/keys/{app}/{user}/`.
#[utoipa::path(
    get, path = "/v2/hooks/keys/{app}/{user}/", operation_id = "hooks_keys_of_user",
    security(("builder" = [])),
    responses((status = 200, body = BTreeMap<String, Vec<Key>>), OfApp)
)]
pub(super) async fn of_user(
    State(reading): State<Reading>,
    builder: OutsideBuilder,
    Path((app, user)): Path<(String, String)>,
) -> Result<Keys, ApiError> {
    let ledger = reading.ledger.as_ref();
    let (user, _app) = builder.pushes(ledger, &user, &app).await?;
    let keys = accounts::keys_of(ledger, &user).await?;
    Ok(Json(BTreeMap::from([(user.username.into(), shown(keys))])))
}

fn shown(keys: Vec<ledger::Key>) -> Vec<Key> {
    keys.into_iter().map(Key::from).collect()
}
