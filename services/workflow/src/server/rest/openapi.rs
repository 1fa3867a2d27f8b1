//! The document of all routes in OpenAPI 3.1. A handler's attribute says what is its own; what many have is said here, once.

mod links;
mod shared;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use deis_api::rest;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa_axum::router::UtoipaMethodRouter;

pub(super) use self::shared::{
    BadRequest, Conflict, Forbidden, Lines, NotFound, NotSet, OfAccount, OfAdministrator, OfApp, OfBody, OfBuilder,
    OfChange, OfUser, OwnKey,
};
use super::idempotency::is_heeded;
use crate::server::Workflow;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", assembled(super::operations())));

/// The document as JSON, in the order of its names: `docs/reference/openapi.json` is a copy of it.
#[must_use]
pub fn document() -> &'static str {
    &DOCUMENT
}

/// `GET /v2/docs/`: this document.
#[utoipa::path(
    get, path = "/v2/docs/", operation_id = "docs_show",
    security(()),
    responses((status = 200, body = Object))
)]
pub(super) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}

fn assembled(operations: Vec<UtoipaMethodRouter<Workflow>>) -> Value {
    let mut schemas = BTreeMap::from([("ErrorBody".to_owned(), rest::ErrorBody::schema())]);
    let mut paths = BTreeMap::new();
    for (found, documented, _methods) in operations {
        schemas.extend(found);
        paths.extend(documented.paths);
    }
    let (mut paths, mut schemas) = (json!(paths), json!(schemas));
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        // `Page<T>` is described with all of `T` in it.
        if let (Some(item), Some(items)) = (name.strip_prefix("Page_"), schema.pointer_mut("/properties/results/items"))
        {
            *items = reference("schemas", item);
        }
    }
    for (path, operations) in paths.as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            complete(method, path, operation, &schemas);
        }
    }
    links::add(&mut paths);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Deis Workflow",
            "version": rest::API_VERSION,
            "description": shared::ABOUT,
        },
        "paths": paths,
        "components": {
            "headers": shared::headers(),
            "parameters": shared::parameters(),
            "responses": shared::responses(),
            "schemas": schemas,
            "securitySchemes": shared::security_schemes(),
        },
    })
}

/// Adds to an operation what follows from what it says.
fn complete(method: &str, path: &str, operation: &mut Value, schemas: &Value) {
    let is_required = operation.pointer("/requestBody/content/application~1json/schema/$ref").map(|schema| {
        let name = schema.as_str().and_then(|schema| schema.rsplit('/').next()).unwrap_or_default();
        // No body at all is an empty object, which will do where no field is required.
        schemas.pointer(&format!("/{name}/required")).is_some()
    });
    if let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) {
        body.insert("required".to_owned(), json!(is_required));
    }
    let Some(operation) = operation.as_object_mut() else { return };
    let summary = operation.remove("summary").and_then(|summary| without_request(summary.as_str()?));
    operation.extend(summary.map(|summary| ("summary".to_owned(), json!(summary))));
    // `apps_create` is one of `apps`.
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let tag = id.split('_').next().map(str::to_owned);
    operation.insert("tags".to_owned(), json!([tag]));
    operation.entry("security").or_insert_with(|| json!([{ "token": [] }]));

    let given = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let given = given.filter_map(|parameter| parameter.get("name")?.as_str());
    let takes_key = method.to_uppercase().parse().is_ok_and(|method| is_heeded(&method, path));
    let key = takes_key.then_some("Idempotency-Key");
    let parameters =
        placeholders(path).chain(given).chain(key).map(|name| reference("parameters", name)).collect::<Vec<_>>();
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), json!(parameters));
    }
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        let of_keyed = shared::OF_KEYED.into_iter().filter(|_status| takes_key);
        let refusals = shared::OF_ANY.into_iter().chain(of_keyed);
        responses.extend(refusals.map(|status| (status.to_owned(), reference("responses", status))));
    }
    for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(response) = response.as_object_mut().filter(|response| !response.contains_key("$ref")) {
            describe(status, takes_key, response);
        }
    }
}

/// What is said of a handler, without the request that stands before: `GET /v2/keys/`: one's own.
fn without_request(comment: &str) -> Option<String> {
    let (_request, rest) = comment.strip_prefix('`')?.split_once('`')?;
    let mut rest = rest.trim_start_matches([':', ',', '.', ' ']).chars();
    let first = rest.next()?;
    Some(first.to_uppercase().chain(rest).collect())
}

/// An answer that is an operation's own, by its status.
fn describe(status: &str, may_be_replayed: bool, response: &mut Map<String, Value>) {
    let is_told = response.get("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !is_told {
        let status = status.parse::<StatusCode>().ok();
        let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
        response.insert("description".to_owned(), json!(format!("{reason}.")));
    }
    let mut headers = shared::headers_of(status);
    if let Some(headers) = headers.as_object_mut().filter(|_headers| may_be_replayed) {
        headers.insert("Idempotent-Replayed".to_owned(), reference("headers", "Idempotent-Replayed"));
    }
    response.insert("headers".to_owned(), headers);
}

/// The names in a path: of `/v2/apps/{app}/` it is `app`.
fn placeholders(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _rest)| name)
}

/// What stands among the components.
fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_shapes_have_the_same_name() {
        let mut known = BTreeMap::<String, Value>::new();
        for (schemas, _paths, _methods) in super::super::operations() {
            for (name, schema) in schemas {
                let schema = json!(schema);
                assert_eq!(*known.entry(name.clone()).or_insert_with(|| schema.clone()), schema, "{name}");
            }
        }
        assert!(known.len() >= 50, "{} shapes", known.len());
    }
}
