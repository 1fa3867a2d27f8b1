//! The OpenAPI document against the routes, against the page of the contract, and against its copy in the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use deis_workflow::server::rest;
use reqwest::Method;
use serde_json::Value;

use super::super::sandbox::Sandbox;
use super::expectation::Expectation;
use super::table::{Row, rows};
use super::{at, read, routes};

/// Operations, by what the router calls them.
type Operations = BTreeMap<(Method, String), Value>;

fn document() -> Value {
    serde_json::from_str(rest::document()).unwrap()
}

fn operations(document: &Value) -> Operations {
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            operations.insert((method, path.trim_end_matches('/').to_owned()), operation.clone());
        }
    }
    operations
}

#[test]
fn the_reference_is_current() {
    let path = at("docs/reference/openapi.json");
    let text = rest::document();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(stored == text, "docs/reference/openapi.json differs from the handlers: run `make reference`");
}

#[tokio::test]
async fn the_document_has_the_routes_and_what_the_page_says_of_them() {
    let document = document();
    let operations = operations(&document);
    let routes = routes(&Sandbox::start().await).await;
    let documented = operations.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(documented, routes, "what is served is documented, and nothing else");

    let rows = rows(&read("docs/api.md"));
    let served = rows.iter().filter(|row| row.state.is_served());
    let problems = served.filter_map(|row| Some(format!("{row}\n    {}", difference(&document, &operations, row)?)));
    let problems = problems.collect::<Vec<_>>();
    println!("{} operations, {} rows", operations.len(), rows.len());
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    assert!(operations.len() >= 60, "{} operations", operations.len());
}

/// What a row says and the document does not.
fn difference(document: &Value, operations: &Operations, row: &Row) -> Option<String> {
    let Some(operation) = operations.get(&row.route()) else {
        // Whatever can be read has a head, and of what is nowhere nothing can be said.
        let is_elsewhere = row.method == Method::HEAD || [404, 405].contains(&row.status);
        return (!is_elsewhere).then(|| "the document has no such operation".to_owned());
    };
    let response = &operation["responses"][row.status.to_string()];
    if response.is_null() {
        return Some(format!("the document does not know that it may be {}", row.status));
    }
    let content = &resolved(document, response)["content"];
    let schema = || resolved(document, &content["application/json"]["schema"]);
    let is_so = match &row.answer {
        Expectation::Empty => content.is_null(),
        // A page for people is what is nowhere.
        Expectation::Text(text) => content["text/plain"].is_object() || text.starts_with('<'),
        Expectation::Json(_) => content["application/json"].is_object() || content["application/x-ndjson"].is_object(),
        Expectation::Fields(fields) => has(document, schema(), fields),
        Expectation::Page(fields) => has(document, &schema()["properties"]["results"]["items"], fields),
        Expectation::List(fields) => has(document, &schema()["items"], fields),
        Expectation::Told => true,
    };
    (!is_so).then(|| format!("it is not what the document says: {content}"))
}

/// Whether a schema has these fields, and wants no others to be there.
fn has(document: &Value, schema: &Value, fields: &BTreeSet<String>) -> bool {
    let schema = resolved(document, schema);
    if let Some(alternatives) = schema["oneOf"].as_array() {
        return alternatives.iter().any(|schema| has(document, schema, fields));
    }
    let parts = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().map(|part| resolved(document, part)).collect::<Vec<_>>(),
        None => vec![schema],
    };
    if parts.iter().all(|part| part["properties"].is_null()) {
        // An object of which nothing is said.
        return schema["type"] == "object" && schema["required"].is_null();
    }
    let required = parts.iter().filter_map(|part| part["required"].as_array()).flatten().filter_map(Value::as_str);
    fields.iter().all(|field| parts.iter().any(|part| !part["properties"][field].is_null()))
        && required.into_iter().all(|name| fields.contains(name))
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(address) => document.pointer(address.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}

#[test]
fn what_the_document_refers_to_is_there_and_its_names_are_given_once() {
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    let missing = references.iter().filter(|address| document.pointer(address.trim_start_matches('#')).is_none());
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(references.len() >= 50, "{} references", references.len());

    let operations = operations(&document);
    let names = operations.values().map(|operation| operation["operationId"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>().len(), operations.len(), "a name is given twice");
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
