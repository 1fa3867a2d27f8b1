use axum::Json;
use axum::extract::{Path, State};
use deis_api::rest;

use super::apps::find;
use super::caller::Caller;
use super::error::ApiError;
use super::openapi::OfApp;
use crate::access::Verb;
use crate::apps::{self, Explanation, Problem};
use crate::server::Reading;

/// `GET /v2/apps/{app}/explain/`: how an app is, and why. Of the routers it is asked which pods they have; Kubernetes is not asked.
#[utoipa::path(
    get, path = "/v2/apps/{app}/explain/", operation_id = "apps_explain",
    responses((status = 200, body = rest::Explanation), OfApp)
)]
pub(super) async fn show(
    State(reading): State<Reading>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<Json<rest::Explanation>, ApiError> {
    let (_, app) = find(reading.ledger.as_ref(), &actor, Verb::Read, &id).await?;
    let (ledger, pods, routers) = (reading.ledger.as_ref(), reading.pods.as_ref(), reading.routers.as_ref());
    let explanation = apps::explained(ledger, pods, routers, &app).await?;
    Ok(Json(shown(explanation)))
}

fn shown(explanation: Explanation) -> rest::Explanation {
    rest::Explanation {
        app: explanation.app.to_string(),
        release: explanation.release.get().unsigned_abs(),
        state: explanation.state.to_string(),
        headline: explanation.headline,
        problems: explanation.problems.into_iter().map(problem).collect(),
    }
}

fn problem(problem: Problem) -> rest::Problem {
    rest::Problem {
        code: problem.cause.code.to_string(),
        message: problem.cause.sentence,
        next: problem.cause.next,
        kind: problem.proc_type.map(|kind| kind.to_string()),
        release: problem.release.map(|release| release.to_string()),
        pod: problem.pod,
        other_pods: u64::try_from(problem.others).unwrap_or(u64::MAX),
        restarts: problem.restarts.into(),
        probe: problem.probe.map(|probe| probe.to_string()),
        since: problem.since.map(Into::into),
        log_tail: problem.last_lines,
    }
}
