use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use deis_api::{Code, ProcType};
use serde::Deserialize;

use super::apps::find;
use super::body::Object;
use super::builds::shown;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::{OfBody, OfBuilder, OfChange};
use super::request_key;
use crate::access::Verb;
use crate::acting::Acting;
use crate::error::{Error, Kind};
use crate::releases::{self, MissingProcfile, PullRequest};
use crate::server::{Wait, Workflow};

/// What is asked for; fields that clients leave out or send empty are nothing.
#[derive(Deserialize)]
struct Body {
    image: String,
    procfile: Option<BTreeMap<String, Option<String>>>,
    sha: Option<String>,
    dockerfile: Option<String>,
}

/// `POST /v2/apps/{app}/builds/`: copies an image that was built elsewhere, releases, deploys, and answers when that is done; with
/// `Prefer: respond-async` when it is copied and released.
#[utoipa::path(
    post, path = "/v2/apps/{app}/builds/", operation_id = "builds_create",
    params(Wait), request_body = deis_api::rest::NewBuild,
    responses(
        (status = 201, body = deis_api::rest::Build),
        (status = 202, body = deis_api::rest::Build),
        OfBody,
        OfChange,
        OfBuilder,
    )
)]
pub(super) async fn pull(
    State(workflow): State<Workflow>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    wait: Wait,
    headers: HeaderMap,
    body: Object,
) -> Result<Response, ApiError> {
    let (user, app) = find(workflow.ledger.as_ref(), &actor, Verb::Change, &id).await?;
    let request = request(body.decode(&["image"])?, workflow.missing_procfile)?;
    let key = request_key(&headers)?;
    let (user, id, work) = (user.username.clone(), app.id.clone(), workflow.clone());
    let record = async move {
        let (ledger, deployer) = (work.ledger.as_ref(), &work.deployer);
        releases::pull(ledger, deployer, work.builder.as_ref(), &user, &id, &key, request).await
    };
    let released = workflow.release("pull an image", wait, &app.id, record).await?;
    let uuid = released.release.build.ok_or(Error::Missing(Kind::Build))?;
    Acting::refer_to(&["apps", app.id.as_str(), "builds", &uuid.to_string()]);
    let build = workflow.ledger.build(&app.id, uuid).await?.ok_or(Error::Missing(Kind::Build))?;
    Ok(wait.answer_release(&app.id, &released.release, Json(shown(&app.id, build))))
}

fn request(body: Body, missing_procfile: MissingProcfile) -> Result<PullRequest, Error> {
    let image = body.image.trim().to_owned();
    if image.is_empty() {
        return Err(Error::field("image", "This field may not be blank."));
    }
    for (field, value) in [("sha", body.sha), ("dockerfile", body.dockerfile)] {
        if value.is_some_and(|value| !value.is_empty()) {
            let message = "What is built from source comes by git push; an image from elsewhere has none.".to_owned();
            return Err(Error::Field { field, message, code: Code::FailedPrecondition });
        }
    }
    let procfile = procfile(body.procfile.unwrap_or_default())?;
    Ok(PullRequest { image, procfile, sha: None, dockerfile: String::new(), missing_procfile })
}

/// A type without a command is refused later, with those whose command is empty.
pub(super) fn procfile(body: BTreeMap<String, Option<String>>) -> Result<BTreeMap<ProcType, String>, Error> {
    let processes = body.into_iter().map(|(kind, command)| Ok((kind.parse()?, command.unwrap_or_default())));
    processes.collect::<Result<_, _>>().map_err(Error::name("procfile"))
}
