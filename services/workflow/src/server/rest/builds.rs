use axum::Json;
use axum::extract::{Path, State};
use deis_api::{AppName, rest};
use uuid::Uuid;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::pages::Paging;
use crate::access::Verb;
use crate::error::{Error, Kind};
use crate::ledger::Build;
use crate::server::Reading;

/// `GET /v2/apps/{app}/builds/`.
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Build>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let builds = reading.ledger.builds(&app.id, paging.window).await?;
    Ok(Json(paging.page(builds, |build| shown(&app.id, build))))
}

/// `GET /v2/apps/{app}/builds/{uuid}/`.
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, uuid)): Path<(String, String)>,
) -> Result<Json<rest::Build>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let build = match uuid.parse::<Uuid>() {
        Ok(uuid) => reading.ledger.build(&app.id, uuid).await?,
        Err(_) => None,
    };
    Ok(Json(shown(&app.id, build.ok_or(Error::Missing(Kind::Build))?)))
}

fn shown(app: &AppName, build: Build) -> rest::Build {
    rest::Build {
        uuid: build.uuid,
        owner: build.owner.to_string(),
        app: app.to_string(),
        image: build.image,
        sha: build.sha.map(|sha| sha.to_string()).unwrap_or_default(),
        procfile: build.procfile.into_iter().map(|(kind, command)| (kind.to_string(), command)).collect(),
        dockerfile: build.dockerfile,
        created: build.created.into(),
        updated: build.created.into(),
    }
}
