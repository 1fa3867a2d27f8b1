use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{Code, ProcType, rest};
use serde::Deserialize as _;
use serde_json::Value;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use crate::access::Verb;
use crate::apps::{self, AutoscalePatch};
use crate::error::Error;
use crate::ledger::App;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/settings/`: what every app has from its creation on.
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::AppSettings>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `POST /v2/apps/{app}/settings/`: no release is made; answers when Kubernetes has it, or when a deploy under way will see to it.
pub(super) async fn change(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::AppSettings>), ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let patch = patch(body.decode(&[])?)?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let changing = async move { apps::autoscale(work.ledger.as_ref(), &work.deployer, &user, &id, patch).await };
    let app = workflow.to_the_end("change settings", changing).await?;
    Ok((StatusCode::CREATED, Json(shown(app))))
}

fn patch(body: rest::SettingsPatch) -> Result<AutoscalePatch, Error> {
    // What every app has may be said again.
    let unsupported = [
        ("maintenance", body.maintenance == Some(true)),
        ("routable", body.routable == Some(false)),
        ("whitelist", body.whitelist.is_some_and(|addresses| !addresses.is_empty())),
        ("label", body.label.is_some_and(|labels| !labels.is_empty())),
    ];
    if let Some((field, _)) = unsupported.into_iter().find(|(_, given)| *given) {
        let message = "This platform does not have this kind of setting yet.".to_owned();
        return Err(Error::Field { field, message, code: Code::FailedPrecondition });
    }
    body.autoscale.unwrap_or_default().into_iter().map(|(kind, rule)| rule_of(&kind, rule)).collect()
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
    rest::AppSettings {
        uuid: app.uuid,
        owner: app.owner.to_string(),
        app: app.id.to_string(),
        maintenance: false,
        routable: true,
        whitelist: Vec::new(),
        autoscale: app.autoscale.into_iter().map(|(kind, rule)| (kind.to_string(), rule)).collect(),
        label: BTreeMap::new(),
        created: app.created.into(),
        updated: app.updated.into(),
    }
}
