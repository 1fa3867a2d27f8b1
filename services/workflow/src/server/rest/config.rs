use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use deis_api::{AppName, Code, ConfigKey, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::request_key;
use crate::access::Verb;
use crate::error::Error;
use crate::ledger::Config;
use crate::releases;
use crate::server::{Reading, Workflow};
use crate::variables::Patch;

/// `GET /v2/apps/{app}/config/`: that of the latest release that has not failed.
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Config>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let ground = reading.ledger.ground(&app.id).await?;
    Ok(Json(shown(&app.id, ground.config)))
}

/// `POST /v2/apps/{app}/config/`: merges, releases, deploys, and answers when that is done.
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Object,
) -> Result<(StatusCode, Json<rest::Config>), ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let patch = patch(body.decode(&[])?)?;
    let key = request_key(&headers)?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let change = async move {
        let released = releases::configure(work.ledger.as_ref(), &user, &id, &key, patch).await?;
        releases::deployed(work.ledger.as_ref(), &work.deployer, &id, released).await
    };
    let released = workflow.to_the_end("change a config", change).await?;
    Ok((StatusCode::CREATED, Json(shown(&app.id, released.config))))
}

fn patch(body: rest::ConfigPatch) -> Result<Patch, Error> {
    let unsupported = [
        ("memory", !body.memory.is_empty()),
        ("cpu", !body.cpu.is_empty()),
        ("tags", !body.tags.is_empty()),
        ("registry", !body.registry.is_empty()),
        ("healthcheck", !body.healthcheck.is_empty()),
        ("lifecycle_post_start", !body.lifecycle_post_start.is_empty()),
        ("lifecycle_pre_stop", !body.lifecycle_pre_stop.is_empty()),
        ("termination_grace_period", !body.termination_grace_period.is_empty()),
    ];
    if let Some((field, _)) = unsupported.into_iter().find(|(_, given)| *given) {
        let message = "This platform does not have this kind of setting yet.".to_owned();
        return Err(Error::Field { field, message, code: Code::FailedPrecondition });
    }
    let pairs = body.values.into_iter().map(|(key, value)| Ok((key.parse::<ConfigKey>()?, value.map(Into::into))));
    pairs.collect::<Result<_, _>>().map_err(Error::name("values"))
}

fn shown(app: &AppName, config: Config) -> rest::Config {
    rest::Config {
        uuid: config.uuid,
        owner: config.owner.to_string(),
        app: app.to_string(),
        values: config.values.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect(),
        memory: BTreeMap::new(),
        cpu: BTreeMap::new(),
        tags: BTreeMap::new(),
        registry: BTreeMap::new(),
        healthcheck: BTreeMap::new(),
        lifecycle_post_start: BTreeMap::new(),
        lifecycle_pre_stop: BTreeMap::new(),
        termination_grace_period: BTreeMap::new(),
        created: config.created.into(),
        updated: config.created.into(),
    }
}
