use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};

use crate::Failpoints;

#[derive(serde::Deserialize)]
struct Arming {
    #[serde(default)]
    after: u64,
}

pub(crate) fn router(failpoints: Failpoints) -> Router {
    Router::new().route("/", get(list).delete(disarm)).route("/{name}", put(arm)).with_state(failpoints)
}

async fn list(State(failpoints): State<Failpoints>) -> impl IntoResponse {
    Json(failpoints.look())
}

async fn arm(State(failpoints): State<Failpoints>, Path(name): Path<String>, Query(arming): Query<Arming>) -> Response {
    if failpoints.arm(&name, arming.after) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let unknown = format!("There is no failpoint {name:?}; GET / lists those that there are.\n");
    (StatusCode::NOT_FOUND, unknown).into_response()
}

async fn disarm(State(failpoints): State<Failpoints>) -> StatusCode {
    failpoints.disarm();
    StatusCode::NO_CONTENT
}
