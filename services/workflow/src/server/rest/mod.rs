//! The REST API, version 2.3: compatible with the original clients.

mod account_activity;
mod accounts;
mod acting;
mod activity;
mod administrators;
mod apps;
mod body;
mod builds;
mod caller;
mod cancel;
mod cert_domains;
mod certs;
mod config;
mod difference;
mod domains;
mod error;
mod explain;
mod headers;
mod health;
mod hook_build;
mod hook_config;
mod hook_keys;
mod idempotency;
mod keys;
mod limits;
mod logs;
mod ndjson;
mod openapi;
mod outside_builder;
mod pages;
mod passwd;
mod perms;
mod pods;
mod prefer;
mod progress;
mod pull;
mod releases;
mod restart;
mod root;
mod run;
mod scale;
mod services;
mod session;
mod settings;
mod tls;
mod tokens;
mod whitelist;

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::MethodRouter;
use deis_api::{Code, rest};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use self::error::ApiError;
pub use self::idempotency::Fingerprints;
use self::limits::UnderWay;
pub(super) use self::limits::{LATE_HEAD, full};
pub use self::openapi::document;
use super::Workflow;
use crate::error::Error;
use crate::ledger::RequestKey;

/// The largest body: all variables of an app, with room for JSON, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// What only builders of an operator's ask for, and only where he wants any.
const HOOKS: &str = "/v2/hooks/";

/// All routes.
pub fn router(workflow: Workflow) -> Router {
    let has_hooks = workflow.builder_key.is_some();
    let offered = routes().into_iter().filter(|(path, _methods)| has_hooks || !path.starts_with(HOOKS));
    let router = offered.fold(Router::new(), |router, (path, methods)| both(router, &path, methods));
    let reads = routes().into_iter().fold(idempotency::reads(), |router, (path, methods)| both(router, &path, methods));
    let door = idempotency::Door::new(workflow.clone(), reads);
    router
        // Before its task: there a panic ends the process.
        .route_layer(CatchPanicLayer::custom(panicked))
        .route_layer(from_fn_with_state(door, idempotency::once))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // It would end the whole process otherwise, and others' requests with it.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(UnderWay::default(), limits::at_once))
        .layer(from_fn(limits::head))
        .layer(map_response(headers::add))
        .layer(from_fn(acting::scope))
        .layer(from_fn(headers::span))
        .with_state(workflow)
}

/// The paths that the router has, in the form of axum: `docs/api.md` has a row for each of their methods.
pub fn paths() -> impl Iterator<Item = String> {
    routes().into_iter().map(|(path, _methods)| path)
}

/// The path of each route, without a slash at its end.
fn routes() -> Vec<(String, MethodRouter<Workflow>)> {
    let route = |(_schemas, paths, methods): UtoipaMethodRouter<Workflow>| {
        paths.paths.into_keys().map(move |path| (path.trim_end_matches('/').to_owned(), methods.clone()))
    };
    operations().into_iter().flat_map(route).collect()
}

/// The handlers of each path, which stands in their attributes with all that the document says of them.
fn operations() -> Vec<UtoipaMethodRouter<Workflow>> {
    vec![
        routes!(accounts::root),
        routes!(openapi::show),
        routes!(accounts::register),
        routes!(accounts::login),
        routes!(cancel::cancel),
        routes!(passwd::change),
        routes!(tokens::regenerate),
        routes!(accounts::whoami),
        routes!(accounts::list),
        routes!(administrators::list, administrators::grant),
        routes!(administrators::revoke),
        routes!(account_activity::list),
        routes!(keys::list, keys::add),
        routes!(keys::show, keys::delete),
        routes!(certs::list, certs::add),
        routes!(certs::show, certs::remove),
        routes!(cert_domains::attach_named),
        routes!(cert_domains::attach, cert_domains::detach),
        routes!(apps::list, apps::create),
        routes!(apps::show, apps::transfer, apps::destroy),
        routes!(activity::list),
        routes!(perms::list, perms::grant),
        routes!(perms::revoke),
        routes!(config::show, config::change),
        routes!(domains::list, domains::add),
        routes!(domains::remove),
        routes!(explain::show),
        routes!(logs::show),
        routes!(services::list, services::add, services::remove),
        routes!(settings::show, settings::change),
        routes!(tls::show, tls::change),
        routes!(whitelist::list, whitelist::add, whitelist::remove),
        routes!(builds::list, pull::pull),
        routes!(builds::cancel),
        routes!(builds::clear_cache),
        routes!(builds::show),
        routes!(builds::log),
        routes!(root::allow, root::forbid),
        routes!(releases::list),
        routes!(releases::show),
        routes!(progress::show),
        routes!(difference::show),
        routes!(releases::rollback),
        routes!(pods::list),
        routes!(restart::all),
        routes!(pods::list_type),
        routes!(restart::of_type),
        routes!(pods::show),
        routes!(restart::one),
        routes!(session::exec),
        routes!(run::run),
        routes!(session::run),
        routes!(scale::scale),
        routes!(hook_keys::pusher),
        routes!(hook_keys::of_app),
        routes!(hook_keys::of_user),
        routes!(hook_config::show),
        routes!(hook_build::create),
        routes!(health::healthz),
        routes!(health::readiness),
    ]
}

/// A trailing slash is optional everywhere.
fn both(router: Router<Workflow>, path: &str, methods: MethodRouter<Workflow>) -> Router<Workflow> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Html("<h1>Not Found</h1>")).into_response()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    ApiError::from(Error::Internal(format!("a handler panicked: {text}").into())).into_response()
}

async fn method_not_allowed(method: Method) -> ApiError {
    let message = format!("Method \"{method}\" not allowed.");
    Error::refused(Code::MethodNotAllowed, message).into()
}

/// What makes a repeated request recognisable, if the client sends it.
fn request_key(headers: &axum::http::HeaderMap) -> Result<RequestKey, Error> {
    match headers.get(rest::REQUEST_KEY_HEADER).map(|value| value.to_str().unwrap_or_default()) {
        Some(text) => RequestKey::parse(text),
        None => Ok(RequestKey::unique()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn panics() -> Response {
        panic!("oh")
    }

    #[tokio::test]
    async fn a_handler_that_panics_is_a_defect_of_one_answer() {
        let app = Router::<()>::new().route("/", get(panics)).layer(CatchPanicLayer::custom(panicked));
        let answer = app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()[rest::ERROR_CODE_HEADER], Code::Internal.as_str());
    }
}
