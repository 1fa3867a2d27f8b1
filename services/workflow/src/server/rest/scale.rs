use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use deis_api::rest;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfBody, OfChange};
use crate::access::Verb;
use crate::apps;
use crate::error::Error;
use crate::ledger::Structure;
use crate::server::{Wait, Workflow};

/// `POST /v2/apps/{app}/scale/`: answers when as many pods as asked for serve; at once with `Prefer: respond-async`. It goes on when the
/// client goes away.
#[utoipa::path(
    post, path = "/v2/apps/{app}/scale/", operation_id = "scale_scale",
    params(Wait), request_body = rest::Scale,
    responses((status = 204), (status = 202), OfBody, OfChange)
)]
pub(super) async fn scale(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    wait: Wait,
    body: Object,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::Scale = body.decode(&[])?;
    let counts = body.0.into_iter().map(|(kind, count)| Ok((kind.parse()?, count)));
    let counts = counts.collect::<Result<Structure, _>>().map_err(Error::name("structure"))?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let record =
        async move { apps::scale(work.ledger.as_ref(), work.pods.as_ref(), &work.deployer, &user, &id, counts).await };
    let bring_about = async move |work: Workflow, scaled| {
        apps::scaled(work.ledger.as_ref(), &work.deployer, &app.id, &scaled).await?;
        Ok(scaled)
    };
    workflow.change("scale", wait, record, bring_about).await?;
    Ok(wait.answer(StatusCode::NO_CONTENT, ()))
}
