//! What can be asked with what an answer says: links, by which a program finds its way from one operation to the next.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::placeholders;

/// Operations that make something, and what the paths of others call it: those whose paths have just these names can be asked then.
const MAKERS: [(&str, &[(&str, &str)]); 5] = [
    ("apps_create", &[("app", "$response.body#/id")]),
    ("builds_create", &[("app", "$request.path.app"), ("uuid", "$response.body#/uuid")]),
    ("certs_add", &[("name", "$response.body#/name")]),
    ("domains_add", &[("app", "$request.path.app"), ("domain", "$response.body#/domain")]),
    ("keys_add", &[("id", "$response.body#/id")]),
];

/// Adds the links to all operations.
pub(super) fn add(paths: &mut Value) {
    let names = names(paths);
    let operations = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let Some((_, made)) = MAKERS.iter().find(|(maker, _)| *maker == id) else { continue };
        let known = made.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
        let parameters = Value::Object(made.iter().map(|(name, from)| ((*name).to_owned(), json!(from))).collect());
        let next = names
            .iter()
            .filter(|(_, names)| **names == known)
            .map(|(id, _)| (id.clone(), json!({ "operationId": id, "parameters": parameters })));
        let links = Value::Object(next.collect());
        if let Some(response) = operation.pointer_mut("/responses/201").and_then(Value::as_object_mut) {
            response.insert("links".to_owned(), links);
        }
    }
}

/// The names in the path of each operation.
fn names(paths: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for (path, operations) in paths.as_object().into_iter().flatten() {
        let names = placeholders(path).map(str::to_owned).collect::<BTreeSet<_>>();
        for operation in operations.as_object().into_iter().flat_map(Map::values) {
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            all.insert(id.to_owned(), names.clone());
        }
    }
    all
}
