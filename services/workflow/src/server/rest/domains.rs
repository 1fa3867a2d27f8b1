use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{AppName, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfApp, OfBody, OfChange};
use super::pages::Paging;
use crate::access::Verb;
use crate::acting::Acting;
use crate::apps::{add_domain, parse_domain, remove_domain};
use crate::error::{Error, Kind};
use crate::ledger::{Domain, Window};
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/domains/`: the first is the app's own name, completed with the platform's domain.
#[utoipa::path(
    get, path = "/v2/apps/{app}/domains/", operation_id = "domains_list",
    params(Paging),
    responses((status = 200, body = rest::Page<rest::Domain>), OfApp)
)]
pub(super) async fn list(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    paging: Paging,
) -> Result<Json<rest::Page<rest::Domain>>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let domains = reading.ledger.domains(&app.id, paging.window).await?;
    Ok(Json(paging.page(domains, |domain| shown(&app.id, domain))))
}

/// `POST /v2/apps/{app}/domains/`: answers when the routers can know.
#[utoipa::path(
    post, path = "/v2/apps/{app}/domains/", operation_id = "domains_add",
    request_body = rest::NewDomain,
    responses((status = 201, body = rest::Domain), OfBody, OfChange)
)]
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::Domain>), ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::NewDomain = body.decode(&["domain"])?;
    let domain = parse_domain(body.domain.trim())?;
    Acting::refer_to(&["apps", app.id.as_str(), "domains", domain.as_str()]);
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let adding =
        async move { add_domain(work.ledger.as_ref(), &work.deployer, &work.reserved, &user, &id, &domain).await };
    let added = workflow.to_the_end("add a domain", adding).await?;
    Ok((StatusCode::CREATED, Json(shown(&app.id, added))))
}

/// `DELETE /v2/apps/{app}/domains/{domain}/`, in either encoding; not for collaborators.
#[utoipa::path(
    delete, path = "/v2/apps/{app}/domains/{domain}/", operation_id = "domains_remove",
    responses((status = 204), OfChange)
)]
pub(super) async fn remove(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path((id, domain)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (_, app) = find(workflow.ledger.as_ref(), &actor, Verb::Control, &id).await?;
    // A name that cannot be is one that is not there.
    let domain = parse_domain(&domain).map_err(|_| Error::Missing(Kind::Domain))?;
    let work = workflow.clone();
    let removing = async move { remove_domain(work.ledger.as_ref(), &work.deployer, &app.id, &domain).await };
    if workflow.to_the_end("remove a domain", removing).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::Missing(Kind::Domain).into())
    }
}

/// A domain, as [`add`] shows it to who asks again.
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path((id, domain)): Path<(String, String)>,
) -> Result<Json<rest::Domain>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let all = reading.ledger.domains(&app.id, Window { limit: i64::MAX, offset: 0 }).await?.items;
    let found = all.into_iter().find(|found| found.domain.as_str() == domain);
    Ok(Json(shown(&app.id, found.ok_or(Error::Missing(Kind::Domain))?)))
}

fn shown(app: &AppName, domain: Domain) -> rest::Domain {
    rest::Domain {
        owner: domain.owner.to_string(),
        app: app.to_string(),
        domain: domain.domain.to_string(),
        created: domain.created.into(),
        updated: domain.created.into(),
    }
}
