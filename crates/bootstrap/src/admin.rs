//! The admin port. It answers until the very end, so that probes see the truth throughout.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::{Context, Metrics, Readiness};

pub(crate) fn router(context: &Context) -> Router {
    Router::new()
        .route("/healthz", get(async || "OK\n"))
        .route("/readiness", get(readiness).with_state(context.readiness.clone()))
        .route("/metrics", get(metrics).with_state(context.metrics.clone()))
}

async fn readiness(State(readiness): State<Readiness>) -> impl IntoResponse {
    let waiting_for = readiness.waiting_for();
    if waiting_for.is_empty() {
        (StatusCode::OK, "OK\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", waiting_for.join(", ")))
    }
}

async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_unwritable) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
