use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{Code, rest};

use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Conflict, NotFound, OfAccount, OfBody};
use crate::access::{Actor, Verb};
use crate::certificates;
use crate::error::Error;
use crate::server::Workflow;

/// `POST /v2/certs/{name}/domain/`: answers when the routers can know.
#[utoipa::path(
    post, path = "/v2/certs/{name}/domain/", operation_id = "certs_attach_named",
    request_body = rest::Attachment,
    responses((status = 201), OfBody, OfAccount, NotFound, Conflict)
)]
pub(super) async fn attach_named(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    body: Object,
) -> Result<StatusCode, ApiError> {
    // Whoever has no account is told so first, and whose it is not, that it is absent.
    certificates::find(workflow.ledger.as_ref(), &actor, Verb::Change, &name).await?;
    let missing = |_| Error::refused(Code::InvalidArgument, "domain is a required field");
    let body: rest::Attachment = body.decode(&["domain"]).map_err(missing)?;
    attach_to(&workflow, &actor, &name, &body.domain).await
}

/// `POST /v2/certs/{name}/domain/{domain}`: the same, with the domain in the path.
#[utoipa::path(
    post, path = "/v2/certs/{name}/domain/{domain}/", operation_id = "certs_attach",
    responses((status = 201), OfAccount, NotFound, Conflict)
)]
pub(super) async fn attach(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((name, domain)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    attach_to(&workflow, &actor, &name, &domain).await
}

async fn attach_to(workflow: &Workflow, actor: &Actor, name: &str, domain: &str) -> Result<StatusCode, ApiError> {
    let (user, place) = certificates::place_to_attach(workflow.ledger.as_ref(), actor, name, domain).await?;
    let work = workflow.clone();
    let attaching = async move { certificates::attach(work.ledger.as_ref(), &work.deployer, &user, &place).await };
    workflow.to_the_end("attach a certificate", attaching).await?;
    Ok(StatusCode::CREATED)
}

/// `DELETE /v2/certs/{name}/domain/{domain}`.
#[utoipa::path(
    delete, path = "/v2/certs/{name}/domain/{domain}/", operation_id = "certs_detach",
    responses((status = 204), OfAccount, NotFound, Conflict)
)]
pub(super) async fn detach(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((name, domain)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let place = certificates::place_to_detach(workflow.ledger.as_ref(), &actor, &name, &domain).await?;
    let work = workflow.clone();
    let detaching = async move { certificates::detach(work.ledger.as_ref(), &work.deployer, &place).await };
    workflow.to_the_end("detach a certificate", detaching).await?;
    Ok(StatusCode::NO_CONTENT)
}
