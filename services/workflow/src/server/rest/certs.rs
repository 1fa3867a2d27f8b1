use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{CertName, rest};
use secrecy::SecretString;
use serde::Deserialize;

use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{Conflict, NotFound, OfAccount, OfBody};
use super::pages::Paging;
use crate::access::{Object as Of, Verb, authorise};
use crate::acting::Acting;
use crate::certificates;
use crate::error::Error;
use crate::ledger::{Certificate, NewCertificate};
use crate::server::{Reading, Workflow};

/// `GET /v2/certs/`: one's own.
#[utoipa::path(
    get, path = "/v2/certs/", operation_id = "certs_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Certificate>), OfAccount)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Certificate>>, ApiError> {
    let found = certificates::list(reading.ledger.as_ref(), &actor, paging.window).await?;
    Ok(Json(paging.page(found, shown)))
}

/// The body of [`add`]: a name that cannot be is told before what is missing.
#[derive(Deserialize)]
struct Given {
    name: String,
    certificate: Option<String>,
    key: Option<rest::Secret>,
    common_name: Option<String>,
}

/// `POST /v2/certs/`.
#[utoipa::path(
    post, path = "/v2/certs/", operation_id = "certs_add",
    request_body = rest::NewCertificate,
    responses((status = 201, body = rest::Certificate), OfBody, OfAccount)
)]
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    body: Object,
) -> Result<(StatusCode, Json<rest::Certificate>), ApiError> {
    let user = authorise(&actor, Verb::Change, Of::Own)?;
    let Given { name, certificate, key, common_name } = body.decode(&["name"])?;
    let name = name.trim().parse::<CertName>().map_err(Error::name("name"))?;
    let required = |field: &'static str| Error::field(field, "This field is required.");
    let chain = certificate.ok_or_else(|| required("certificate"))?;
    let key = SecretString::from(key.ok_or_else(|| required("key"))?);
    let (about, texts) = certificates::inspect(&chain, key, common_name)?;
    let new = NewCertificate { name, owner: user.username.clone(), about, texts };
    Acting::refer_to(&["certs", new.name.as_str()]);
    let added = workflow.ledger.add_certificate(&new).await?;
    Ok((StatusCode::CREATED, Json(shown(added))))
}

/// `GET /v2/certs/{name}/`.
#[utoipa::path(
    get, path = "/v2/certs/{name}/", operation_id = "certs_show",
    responses((status = 200, body = rest::Certificate), OfAccount, NotFound)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<Json<rest::Certificate>, ApiError> {
    let found = certificates::find(reading.ledger.as_ref(), &actor, Verb::Read, &name).await?;
    Ok(Json(shown(found)))
}

/// `DELETE /v2/certs/{name}/`: its domains are served with the platform's certificate then.
#[utoipa::path(
    delete, path = "/v2/certs/{name}/", operation_id = "certs_remove",
    responses((status = 204), OfAccount, NotFound, Conflict)
)]
pub(super) async fn remove(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let found = certificates::find(workflow.ledger.as_ref(), &actor, Verb::Control, &name).await?;
    let work = workflow.clone();
    let removing = async move { certificates::remove(work.ledger.as_ref(), &work.deployer, &found.name).await };
    workflow.to_the_end("remove a certificate", removing).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(certificate: Certificate) -> rest::Certificate {
    let Certificate { id, name, owner, domains, about, created } = certificate;
    rest::Certificate {
        id,
        owner: owner.to_string(),
        san: about.san,
        domains: domains.into_iter().map(String::from).collect(),
        created: created.into(),
        updated: created.into(),
        name: name.to_string(),
        common_name: about.common_name,
        fingerprint: about.fingerprint,
        expires: Some(about.expires.into()),
        starts: Some(about.starts.into()),
        issuer: Some(about.issuer),
        subject: Some(about.subject),
    }
}
