use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use deis_api::{AppName, ReleaseVersion, Username, rest};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Conflict, OfAccount, OfApp, OfBody, OfChange};
use super::pages::Paging;
use crate::access::{Actor, Object as Of, Verb, authorise};
use crate::apps;
use crate::error::{Error, Kind};
use crate::ledger::{App, Ledger, ListedApp, User};
use crate::server::{Reading, Wait, Workflow};

/// `GET /v2/apps/`: one's own and those shared with one; all for an administrator.
#[utoipa::path(
    get, path = "/v2/apps/", operation_id = "apps_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::App>), OfAccount)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    paging: Paging,
) -> Result<Json<rest::Page<ShownInList>>, ApiError> {
    let user = authorise(&actor, Verb::Read, Of::Apps)?;
    let user = (!user.is_superuser).then_some(&user.username);
    let apps = reading.ledger.apps(user, paging.window).await?;
    Ok(Json(paging.page(apps, shown_in_list)))
}

/// `POST /v2/apps/`.
#[utoipa::path(
    post, path = "/v2/apps/", operation_id = "apps_create",
    request_body = rest::NewApp,
    responses((status = 201, body = rest::App), OfBody, OfAccount, Conflict)
)]
pub(super) async fn create(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<(StatusCode, Json<rest::App>), ApiError> {
    let user = authorise(&actor, Verb::Create, Of::Apps)?;
    let body: rest::NewApp = body.decode(&[])?;
    if body.id.as_ref().is_some_and(|id| id.trim().is_empty()) {
        return Err(Error::field("id", "This field may not be blank.").into());
    }
    let id = body.id.map(|id| id.parse().map_err(Error::name("id"))).transpose()?;
    let structure = body.structure.into_iter().map(|(kind, count)| Ok((kind.parse()?, count)));
    let structure = structure.collect::<Result<_, _>>().map_err(Error::name("structure"))?;
    let (ledger, cluster) = (workflow.ledger.as_ref(), workflow.cluster.as_ref());
    let app = apps::create(ledger, cluster, &workflow.reserved, user, id, structure).await?;
    match ledger.ground(&app.id).await {
        Ok(first) => workflow.deployer.events().created(&app, first.config.uuid),
        Err(error) => tracing::warn!(app = %app.id, %error, "the first events of an app are not in its log"),
    }
    if let Ok(Some(first)) = ledger.release_at(&app.id, ReleaseVersion::FIRST).await {
        workflow.deployer.events().announce(&app.id, &first);
    }
    Ok((StatusCode::CREATED, Json(shown(app))))
}

/// `GET /v2/apps/{app}/`.
#[utoipa::path(
    get, path = "/v2/apps/{app}/", operation_id = "apps_show",
    responses((status = 200, body = rest::App), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::App>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    Ok(Json(shown(app)))
}

/// `DELETE /v2/apps/{app}/`: answers when nothing is left; at once with `Prefer: respond-async`. It goes on when the client goes away.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/", operation_id = "apps_destroy",
    params(Wait),
    responses((status = 204), (status = 202), OfChange)
)]
pub(super) async fn destroy(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    wait: Wait,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Control, &id).await?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let record = async move { apps::destroy(work.ledger.as_ref(), &user, &id).await };
    let bring_about = async move |work: Workflow, ()| apps::destroyed(&work.deployer, &app.id).await;
    workflow.change("destroy an app", wait, record, bring_about).await?;
    Ok(wait.answer(StatusCode::NO_CONTENT, ()))
}

/// `POST /v2/apps/{app}/`: gives it to another user.
#[utoipa::path(
    post, path = "/v2/apps/{app}/", operation_id = "apps_transfer",
    request_body = rest::Transfer,
    responses((status = 200), OfBody, OfChange)
)]
pub(super) async fn transfer(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Control, &id).await?;
    let body: rest::Transfer = body.decode(&["owner"])?;
    let owner = body.owner.trim().parse().map_err(|_| Error::Missing(Kind::User))?;
    workflow.ledger.transfer(&app.id, &owner).await?;
    tracing::info!(app = %app.id, "{} was given to {owner}", app.id);
    workflow.deployer.events().record(&app.id, "perms", format!("{} was given to {owner}", app.id));
    Ok(StatusCode::OK)
}

/// An app by a path's segment; a name that cannot be is one that is not there.
pub(super) async fn find<'a>(
    ledger: &dyn Ledger,
    actor: &'a Actor,
    verb: Verb,
    id: &str,
) -> Result<(&'a User, App), Error> {
    authorise(actor, verb, Of::Apps)?;
    let id = id.parse::<AppName>().map_err(|_| Error::Missing(Kind::App))?;
    apps::find(ledger, actor, verb, &id).await
}

fn shown(app: App) -> rest::App {
    rest::App {
        uuid: app.uuid,
        id: app.id.to_string(),
        owner: app.owner.to_string(),
        structure: app.structure.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect(),
        allow_root: app.allow_root,
        procfile_structure: app.procfile.into_iter().map(|(kind, command)| (kind.to_string(), command)).collect(),
        created: app.created.into(),
        updated: app.updated.into(),
    }
}

/// A [`rest::App`] whose maps are JSON already.
#[derive(Serialize)]
pub(super) struct ShownInList {
    uuid: Uuid,
    id: AppName,
    owner: Username,
    structure: Box<RawValue>,
    procfile_structure: Box<RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_root: bool,
    created: rest::Time,
    updated: rest::Time,
}

fn shown_in_list(app: ListedApp) -> ShownInList {
    let ListedApp { uuid, id, owner, allow_root, structure, procfile, is_going: _, created, updated } = app;
    let (created, updated) = (created.into(), updated.into());
    ShownInList { uuid, id, owner, structure, procfile_structure: procfile, allow_root, created, updated }
}
