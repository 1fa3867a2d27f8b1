//! Taking secrets out: by the places where they stand, and by their values wherever they turn up.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "<redacted>";
/// Shorter values are words like any other: a user's name `deis`, `true`, a port.
pub(super) const SHORTEST: usize = 6;
/// Shorter lines of a longer value are no secret by themselves.
const SHORTEST_LINE: usize = 12;
/// Parts of the names of variables that hold secrets.
const TELLING: [&str; 8] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "PRIVATE", "DSN"];

/// What is no secret in a Secret of the platform: accounts' names and certificates, which everybody is shown.
const PUBLIC: [&str; 4] = ["username", "email", "tls.crt", "ca.crt"];
/// What workflow tells each app about itself, beside the app's own configuration.
const VARIABLES: [&str; 5] =
    ["DEIS_APP", "WORKFLOW_RELEASE", "WORKFLOW_RELEASE_SUMMARY", "WORKFLOW_RELEASE_CREATED_AT", "SOURCE_VERSION"];

/// The values of a Secret that nobody may read.
pub(super) fn values(secret: &Secret) -> impl Iterator<Item = &[u8]> {
    let environment = deis_kube::labels::label(&secret.metadata, deis_kube::labels::TYPE) == Some("env");
    let known: &[&str] = if environment { &VARIABLES } else { &PUBLIC };
    let data = secret.data.iter().flatten().filter(|(key, _)| !known.contains(&key.as_str()));
    data.map(|(_, value)| value.0.as_slice())
}

/// Knows secret values, and finds them in any text.
pub(crate) struct Redactor {
    values: Option<AhoCorasick>,
}

impl Redactor {
    pub(super) fn new<'value>(values: impl IntoIterator<Item = &'value [u8]>) -> Result<Self, BuildError> {
        let mut patterns = BTreeSet::new();
        for value in values {
            add(value, &mut patterns);
        }
        if patterns.is_empty() {
            return Ok(Self { values: None });
        }
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns)?;
        Ok(Self { values: Some(automaton) })
    }

    pub(super) fn text(&self, text: &str) -> String {
        let Some(values) = &self.values else { return text.to_owned() };
        let mut clean = String::with_capacity(text.len());
        values.replace_all_with(text, &mut clean, |_, _, clean| {
            clean.push_str(REDACTED);
            true
        });
        clean
    }
}

/// A value, and what it looks like in a log line, a document, or in base64.
fn add(value: &[u8], patterns: &mut BTreeSet<String>) {
    if value.len() < SHORTEST {
        return;
    }
    patterns.insert(STANDARD.encode(value));
    let Ok(text) = std::str::from_utf8(value) else { return };
    let text = text.trim();
    if text.len() < SHORTEST {
        return;
    }
    let quoted = Value::from(text).to_string();
    patterns.extend([text.to_owned(), quoted.trim_matches('"').to_owned()]);
    let lines = text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE);
    patterns.extend(lines.filter(|line| !line.starts_with("-----")).map(str::to_owned));
    if let Ok(document @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        leaves(&document, patterns);
    }
}

/// The texts in a document, such as the password in a Docker configuration.
fn leaves(document: &Value, patterns: &mut BTreeSet<String>) {
    match document {
        Value::String(text) if text.len() >= SHORTEST_LINE => drop(patterns.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, patterns)),
        Value::Object(fields) => {
            let secret = fields.iter().filter(|(key, _)| !PUBLIC.contains(&key.as_str()));
            secret.for_each(|(_, field)| leaves(field, patterns));
        }
        _ => {}
    }
}

/// Takes out of an object what nobody needs to read, and the values of variables whose names tell that they are secret.
pub(super) fn object(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    variables(object);
}

fn variables(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(variables),
        Value::Object(fields) => {
            let secret = fields.get("name").and_then(Value::as_str).is_some_and(is_telling);
            if secret && let Some(value @ Value::String(_)) = fields.get_mut("value") {
                *value = REDACTED.into();
            }
            fields.values_mut().for_each(variables);
        }
        _ => {}
    }
}

/// `…_FILE` and `…_PATH` say where a secret is, and not which.
fn is_telling(name: &str) -> bool {
    let name = name.to_uppercase();
    let place = name.ends_with("_FILE") || name.ends_with("_PATH");
    !place && TELLING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn clean(secrets: &[&str], text: &str) -> String {
        Redactor::new(secrets.iter().map(|secret| secret.as_bytes())).unwrap().text(text)
    }

    #[test]
    fn a_value_is_found_in_every_dress() {
        assert_eq!(clean(&["hunter22\n"], "password hunter22 of deis"), "password <redacted> of deis");
        assert_eq!(clean(&["hunter22"], "aHVudGVyMjI= and hunter22"), "<redacted> and <redacted>");
        assert_eq!(clean(&["a\"quoted\"one"], r#"{"x": "a\"quoted\"one"}"#), r#"{"x": "<redacted>"}"#);
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END PRIVATE KEY-----\n";
        assert_eq!(clean(&[key], "| MIIEvQIBADANBgkqhkiG |"), "| <redacted> |");
        let docker =
            r#"{"auths": {"localhost": {"username": "earthy-instinct", "password": "correct horse battery"}}}"#;
        assert_eq!(clean(&[docker], "earthy-instinct with correct horse battery"), "earthy-instinct with <redacted>");
    }

    #[test]
    fn the_longest_value_goes_first_and_short_ones_stay() {
        assert_eq!(clean(&["secret-one", "secret-one-and-more"], "secret-one-and-more"), "<redacted>");
        assert_eq!(clean(&["deis", "true"], "deis is true"), "deis is true");
        assert_eq!(clean(&[], "nothing to hide"), "nothing to hide");
    }

    #[test]
    fn names_are_no_secrets_but_an_apps_own_username_is() {
        let secret = |labels: Value| -> Secret {
            from_value(json!({ "metadata": { "labels": labels }, "data": { "DEIS_APP": "YQ==", "username": "Yg==" } }))
                .unwrap()
        };
        let of = |secret: &Secret| values(secret).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(of(&secret(json!({ "type": "env" }))), [b"b"]);
        assert_eq!(of(&secret(json!({}))), [b"a"]);
    }

    #[test]
    fn variables_with_telling_names_lose_their_values() {
        let mut pod = json!({
            "metadata": { "name": "x", "managedFields": [{}],
                          "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}", "kept": "1" } },
            "spec": { "containers": [{ "env": [
                { "name": "ADMIN_PASSWORD", "value": "abc" },
                { "name": "POSTGRES_PASSWORD_FILE", "value": "/run/x" },
                { "name": "PORT", "value": "80" },
                { "name": "API_TOKEN", "valueFrom": { "secretKeyRef": { "name": "x", "key": "token" } } },
            ] }] },
        });
        object(&mut pod);
        assert_eq!(
            pod,
            json!({
                "metadata": { "name": "x", "annotations": { "kept": "1" } },
                "spec": { "containers": [{ "env": [
                    { "name": "ADMIN_PASSWORD", "value": "<redacted>" },
                    { "name": "POSTGRES_PASSWORD_FILE", "value": "/run/x" },
                    { "name": "PORT", "value": "80" },
                    { "name": "API_TOKEN", "valueFrom": { "secretKeyRef": { "name": "x", "key": "token" } } },
                ] }] },
            })
        );
    }
}
