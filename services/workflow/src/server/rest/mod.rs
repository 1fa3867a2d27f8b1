//! The REST API, version 2.3: compatible with the original clients.

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
mod keys;
mod logs;
mod ndjson;
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
mod session;
mod settings;
mod tls;
mod tokens;
mod whitelist;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use deis_api::{Code, rest};

use self::error::ApiError;
use super::Workflow;
use crate::error::Error;
use crate::ledger::RequestKey;

/// The largest body: all variables of an app, with room for JSON, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// All routes.
pub fn router(workflow: Workflow) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, methods)| both(router, path, methods));
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(map_response(headers::add))
        .layer(from_fn(acting::scope))
        .layer(from_fn(headers::span))
        .with_state(workflow)
}

/// The paths that the router has, in the form of axum: `docs/api.md` has a row for each of their methods.
pub fn paths() -> impl Iterator<Item = &'static str> {
    routes().into_iter().map(|(path, _methods)| path)
}

fn routes() -> Vec<(&'static str, MethodRouter<Workflow>)> {
    vec![
        ("/v2", get(accounts::root)),
        ("/v2/auth/register", post(accounts::register)),
        ("/v2/auth/login", post(accounts::login)),
        ("/v2/auth/cancel", delete(cancel::cancel)),
        ("/v2/auth/passwd", post(passwd::change)),
        ("/v2/auth/tokens", post(tokens::regenerate)),
        ("/v2/auth/whoami", get(accounts::whoami)),
        ("/v2/users", get(accounts::list)),
        ("/v2/admin/perms", get(administrators::list).post(administrators::grant)),
        ("/v2/admin/perms/{username}", delete(administrators::revoke)),
        ("/v2/keys", get(keys::list).post(keys::add)),
        ("/v2/keys/{id}", get(keys::show).delete(keys::delete)),
        ("/v2/certs", get(certs::list).post(certs::add)),
        ("/v2/certs/{name}", get(certs::show).delete(certs::remove)),
        ("/v2/certs/{name}/domain", post(cert_domains::attach_named)),
        ("/v2/certs/{name}/domain/{domain}", post(cert_domains::attach).delete(cert_domains::detach)),
        ("/v2/apps", get(apps::list).post(apps::create)),
        ("/v2/apps/{app}", get(apps::show).post(apps::transfer).delete(apps::destroy)),
        ("/v2/apps/{app}/activity", get(activity::list)),
        ("/v2/apps/{app}/perms", get(perms::list).post(perms::grant)),
        ("/v2/apps/{app}/perms/{username}", delete(perms::revoke)),
        ("/v2/apps/{app}/config", get(config::show).post(config::change)),
        ("/v2/apps/{app}/domains", get(domains::list).post(domains::add)),
        ("/v2/apps/{app}/domains/{domain}", delete(domains::remove)),
        ("/v2/apps/{app}/explain", get(explain::show)),
        ("/v2/apps/{app}/logs", get(logs::show)),
        ("/v2/apps/{app}/settings", get(settings::show).post(settings::change)),
        ("/v2/apps/{app}/tls", get(tls::show).post(tls::change)),
        ("/v2/apps/{app}/whitelist", get(whitelist::list).post(whitelist::add).delete(whitelist::remove)),
        ("/v2/apps/{app}/builds", get(builds::list).post(pull::pull)),
        ("/v2/apps/{app}/builds/running", delete(builds::cancel)),
        ("/v2/apps/{app}/builds/cache", delete(builds::clear_cache)),
        ("/v2/apps/{app}/builds/{uuid}", get(builds::show)),
        ("/v2/apps/{app}/builds/{uuid}/log", get(builds::log)),
        ("/v2/apps/{app}/root", post(root::allow).delete(root::forbid)),
        ("/v2/apps/{app}/releases", get(releases::list)),
        ("/v2/apps/{app}/releases/{version}", get(releases::show)),
        ("/v2/apps/{app}/releases/{version}/progress", get(progress::show)),
        ("/v2/apps/{app}/releases/{version}/diff/{other}", get(difference::show)),
        ("/v2/apps/{app}/releases/rollback", post(releases::rollback)),
        ("/v2/apps/{app}/pods", get(pods::list)),
        ("/v2/apps/{app}/pods/restart", post(restart::all)),
        ("/v2/apps/{app}/pods/{type}", get(pods::list_type)),
        ("/v2/apps/{app}/pods/{type}/restart", post(restart::of_type)),
        ("/v2/apps/{app}/pods/{type}/{name}", get(pods::show)),
        ("/v2/apps/{app}/pods/{type}/{name}/restart", post(restart::one)),
        ("/v2/apps/{app}/pods/{type}/{name}/exec", get(session::exec)),
        ("/v2/apps/{app}/run", post(run::run)),
        ("/v2/apps/{app}/run/attach", get(session::run)),
        ("/v2/apps/{app}/scale", post(scale::scale)),
        ("/healthz", get(health::healthz)),
        ("/readiness", get(health::readiness)),
    ]
}

/// A trailing slash is optional everywhere.
fn both(router: Router<Workflow>, path: &str, methods: MethodRouter<Workflow>) -> Router<Workflow> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Html("<h1>Not Found</h1>")).into_response()
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
