use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use deis_api::{AppName, ConfigKey, ProcType, rest};
use secrecy::SecretString;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{NotSet, OfApp, OfBody, OfChange};
use super::request_key;
use crate::access::Verb;
use crate::acting::Acting;
use crate::configs::{GRACE_PERIOD, Limits, POST_START, PRE_STOP, Patch, Settings, lifecycle, probes};
use crate::error::Error;
use crate::ledger::{Config, Variables};
use crate::releases;
use crate::server::{Reading, Wait, Workflow};

/// `GET /v2/apps/{app}/config/`: that of the latest release that has not failed.
#[utoipa::path(
    get, path = "/v2/apps/{app}/config/", operation_id = "config_show",
    responses((status = 200, body = rest::Config), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Config>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let ground = reading.ledger.ground(&app.id).await?;
    Ok(Json(shown(&app.id, ground.config)))
}

/// `POST /v2/apps/{app}/config/`: merges, releases, deploys, and answers when that is done; at once with `Prefer: respond-async`.
#[utoipa::path(
    post, path = "/v2/apps/{app}/config/", operation_id = "config_change",
    params(Wait), request_body = rest::ConfigPatch,
    responses((status = 201, body = rest::Config), (status = 202, body = rest::Config), OfBody, OfChange, NotSet)
)]
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    wait: Wait,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let patch = patch(body.decode(&[])?)?;
    let key = request_key(&headers)?;
    Acting::refer_to(&["apps", app.id.as_str(), "config"]);
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let record =
        async move { releases::configure(work.ledger.as_ref(), work.cluster.as_ref(), &user, &id, &key, patch).await };
    let released = workflow.release("change a config", wait, &app.id, record).await?;
    Ok(wait.answer_release(&app.id, &released.release, Json(shown(&app.id, released.config))))
}

fn patch(body: rest::ConfigPatch) -> Result<Patch, Error> {
    let registry = body.registry.into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect();
    Ok(Patch {
        values: secrets("values", body.values)?,
        registry: secrets("registry", registry)?,
        memory: keyed("memory", body.memory)?,
        cpu: keyed("cpu", body.cpu)?,
        tags: body.tags,
        healthcheck: probes::parse(body.healthcheck)?,
        post_start: keyed(POST_START, body.lifecycle_post_start)?,
        pre_stop: keyed(PRE_STOP, body.lifecycle_pre_stop)?,
        grace_periods: seconds(keyed(GRACE_PERIOD, body.termination_grace_period)?)?,
    })
}

fn keyed<V>(field: &'static str, body: BTreeMap<String, V>) -> Result<BTreeMap<ProcType, V>, Error> {
    let pairs = body.into_iter().map(|(kind, value)| Ok((kind.parse()?, value)));
    pairs.collect::<Result<_, _>>().map_err(Error::name(field))
}

fn seconds(body: BTreeMap<ProcType, Option<String>>) -> Result<BTreeMap<ProcType, Option<u32>>, Error> {
    let seconds = |text: Option<String>| text.map(|text| lifecycle::grace_period(&text)).transpose();
    body.into_iter().map(|(kind, text)| Ok((kind, seconds(text)?))).collect()
}

fn secrets(
    field: &'static str,
    body: BTreeMap<String, Option<rest::Secret>>,
) -> Result<BTreeMap<ConfigKey, Option<SecretString>>, Error> {
    let pairs = body.into_iter().map(|(key, value)| Ok((key.parse()?, value.map(Into::into))));
    pairs.collect::<Result<_, _>>().map_err(Error::name(field))
}

pub(super) fn shown(app: &AppName, config: Config) -> rest::Config {
    let Settings { values, registry, shape } = config.settings;
    let secrets = |values: Variables| values.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect();
    // Hooks are texts by process type too.
    let limits = |limits: Limits| limits.into_iter().map(|(kind, limit)| (kind.to_string(), limit)).collect();
    let grace_periods = shape.grace_periods.into_iter();
    rest::Config {
        uuid: config.uuid,
        owner: config.owner.to_string(),
        app: app.to_string(),
        values: secrets(values),
        memory: limits(shape.memory),
        cpu: limits(shape.cpu),
        tags: shape.tags,
        registry: secrets(registry),
        healthcheck: shape.healthcheck.into_iter().map(|(kind, probes)| (kind, probes.into_iter().collect())).collect(),
        lifecycle_post_start: limits(shape.post_start),
        lifecycle_pre_stop: limits(shape.pre_stop),
        termination_grace_period: grace_periods
            .map(|(kind, seconds)| (kind.to_string(), seconds.to_string()))
            .collect(),
        created: config.created.into(),
        updated: config.created.into(),
    }
}
