use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::rest;

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use crate::access::Verb;
use crate::apps;
use crate::error::Error;
use crate::ledger::Structure;
use crate::server::Workflow;

/// `POST /v2/apps/{app}/scale/`: answers when as many pods as asked for serve. It goes on when the client goes away.
pub(super) async fn scale(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::Scale = body.decode(&[])?;
    let counts = body.0.into_iter().map(|(kind, count)| Ok((kind.parse()?, count)));
    let counts = counts.collect::<Result<Structure, _>>().map_err(Error::name("structure"))?;
    let (user, work) = (user.username.clone(), workflow.clone());
    let scaling = async move { apps::scale(work.ledger.as_ref(), &work.deployer, &user, &app.id, counts).await };
    workflow.to_the_end("scale", scaling).await?;
    Ok(StatusCode::NO_CONTENT)
}
