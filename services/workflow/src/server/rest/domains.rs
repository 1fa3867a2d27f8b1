use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use deis_api::{AppName, rest};

use super::apps::find;
use super::body::Object;
use super::caller::Caller;
use super::error::ApiError;
use super::pages::Paging;
use crate::access::Verb;
use crate::apps::{add_domain, parse_domain, remove_domain};
use crate::error::{Error, Kind};
use crate::ledger::Domain;
use crate::server::{Reading, Workflow};

/// `GET /v2/apps/{app}/domains/`: the first is the app's own name, completed with the platform's domain.
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
pub(super) async fn add(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: Object,
) -> Result<(StatusCode, Json<rest::Domain>), ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let body: rest::NewDomain = body.decode(&["domain"])?;
    let domain = parse_domain(body.domain.trim())?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let adding =
        async move { add_domain(work.ledger.as_ref(), &work.deployer, &work.reserved, &user, &id, &domain).await };
    let added = workflow.to_the_end("add a domain", adding).await?;
    Ok((StatusCode::CREATED, Json(shown(&app.id, added))))
}

/// `DELETE /v2/apps/{app}/domains/{domain}/`, in either encoding; not for collaborators.
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

fn shown(app: &AppName, domain: Domain) -> rest::Domain {
    rest::Domain {
        owner: domain.owner.to_string(),
        app: app.to_string(),
        domain: domain.domain.to_string(),
        created: domain.created.into(),
        updated: domain.created.into(),
    }
}
