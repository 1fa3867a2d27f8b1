use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{ProcType, rest};
use serde::Deserialize as _;
use serde_json::Value;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{NotSet, OfApp, OfBody, OfChange};
use crate::access::{Actor, Verb};
use crate::acting::Acting;
use crate::apps::{self, Addresses, SettingsPatch};
use crate::error::Error;
use crate::ledger::App;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/settings/`: what every app has from its creation on.
#[utoipa::path(
    get, path = "/v2/apps/{app}/settings/", operation_id = "settings_show",
    responses((status = 200, body = rest::AppSettings), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::AppSettings>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `POST /v2/apps/{app}/settings/`: no release is made; answers when Kubernetes has it, or when a deploy under way will see to it.
#[utoipa::path(
    post, path = "/v2/apps/{app}/settings/", operation_id = "settings_change",
    request_body = rest::SettingsPatch,
    responses((status = 201, body = rest::AppSettings), OfBody, OfChange, NotSet)
)]
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::AppSettings>), ApiError> {
    Acting::refer_to(&["apps", &id, "settings"]);
    let app = apply(&workflow, &actor, Verb::Change, &id, || {
        patch(body.booleans(&["maintenance", "routable"])?.decode(&[])?)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(shown(app))))
}

/// Changes settings of an app, if the actor may; what is asked for is read when he may.
pub(super) async fn apply(
    workflow: &Workflow,
    actor: &Actor,
    verb: Verb,
    id: &str,
    read: impl FnOnce() -> Result<SettingsPatch, Error>,
) -> Result<App, Error> {
    let (user, app) = find(workflow.ledger.as_ref(), actor, verb, id).await?;
    let patch = read()?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let changing = async move { apps::change_settings(work.ledger.as_ref(), &work.deployer, &user, &id, patch).await };
    workflow.to_the_end("change settings", changing).await
}

fn patch(body: rest::SettingsPatch) -> Result<SettingsPatch, Error> {
    let whitelist =
        body.whitelist.map(|addresses| apps::addresses(addresses).map(Addresses::Only).map_err(Error::List));
    let rules = body.autoscale.unwrap_or_default().into_iter().map(|(kind, rule)| rule_of(&kind, rule));
    Ok(SettingsPatch {
        maintenance: body.maintenance,
        routable: body.routable,
        whitelist: whitelist.transpose()?,
        https_enforced: None,
        services: [].into(),
        autoscale: rules.collect::<Result<_, _>>()?,
        labels: body.label.unwrap_or_default(),
    })
}

fn rule_of(kind: &str, rule: Option<Value>) -> Result<(ProcType, Option<rest::Autoscale>), Error> {
    let kind = kind.parse().map_err(Error::name("autoscale"))?;
    let Some(rule) = rule else { return Ok((kind, None)) };
    // A number below that is no number of the form: it has the same answer all the same.
    if rule.get("min").and_then(Value::as_i64).is_some_and(|min| min < 1) {
        return Err(Error::field("autoscale", apps::TOO_FEW));
    }
    let parsed = rest::Autoscale::deserialize(&rule);
    let parsed = parsed.map_err(|error| Error::field("autoscale", format!("could not validate {rule}: {error}")))?;
    Ok((kind, Some(parsed)))
}

fn shown(app: App) -> rest::AppSettings {
    let settings = app.settings;
    rest::AppSettings {
        uuid: app.uuid,
        owner: app.owner.to_string(),
        app: app.id.to_string(),
        maintenance: settings.rules.maintenance.unwrap_or(false),
        routable: settings.rules.routable,
        whitelist: settings.rules.whitelist.unwrap_or_default().into_iter().collect(),
        autoscale: settings.autoscale.into_iter().map(|(kind, rule)| (kind.to_string(), rule)).collect(),
        label: settings.labels,
        created: app.created.into(),
        updated: app.updated.into(),
    }
}
