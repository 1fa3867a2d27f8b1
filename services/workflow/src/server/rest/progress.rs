use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use deis_api::ReleaseVersion;
use deis_api::rest::{PROGRESS_MEDIA_TYPE, ReleaseProgress};
use futures_util::stream::StreamExt as _;

use super::apps::find;
use super::caller::Bearer;
use super::error::ApiError;
use super::ndjson;
use super::openapi::OfApp;
use crate::access::Verb;
use crate::error::{Error, Kind};
use crate::releases::{self, Progress};
use crate::runs::Authority;
use crate::server::Workflow;

/// `GET /v2/apps/{app}/releases/v{N}/progress/`: how a release's deploy goes on, one object a line, until it is deployed or has failed.
/// An answer that ends before is to be asked for again: then the controller ends, or cannot reach what it needs.
#[utoipa::path(
    get, path = "/v2/apps/{app}/releases/{version}/progress/", operation_id = "releases_progress",
    responses((status = 200, body = ReleaseProgress, content_type = "application/x-ndjson"), OfApp)
)]
pub(super) async fn show(
    State(workflow): State<Workflow>,
    Bearer(actor, token): Bearer,
    Path((id, version)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let version = version.parse::<ReleaseVersion>().map_err(|_| Error::Missing(Kind::Release))?;
    let (ledger, uuid) = (Arc::clone(&workflow.ledger), app.uuid);
    let authority = Authority { ledger, token, app: app.id.clone(), uuid, verb: Verb::Read };
    let progress = releases::progress(Arc::clone(&workflow.ledger), &workflow.deployer, app.id, version).await?;
    // Who may not read it any more is told so when he asks again.
    let progress = progress.take_until(async move { authority.lost().await });
    let lines = progress.filter_map(async |told| Some(ndjson::line(&shown(told.ok()?)))).boxed();
    Ok(ndjson::answer(PROGRESS_MEDIA_TYPE, ndjson::with_signs_of_life(lines)))
}

fn shown(progress: Progress) -> ReleaseProgress {
    match progress {
        Progress::Step(text) => ReleaseProgress::Step { text },
        Progress::Deployed { superseded_by } => {
            let superseded_by = superseded_by.map(|version| version.get().unsigned_abs());
            ReleaseProgress::Deployed { superseded_by }
        }
        Progress::Failed { code, message, log_tail } => {
            ReleaseProgress::Failed { code: code.to_string(), message, log_tail }
        }
    }
}
