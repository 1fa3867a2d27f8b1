//! Runs helm, and finds one's way about in what it renders.

use std::path::PathBuf;
use std::process::Output;
use std::sync::LazyLock;

use serde_json::Value;

pub(crate) const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/workflow");

/// The chart with its default values, once for all tests.
pub(crate) static DEFAULT: LazyLock<Vec<Value>> = LazyLock::new(|| objects(&template(&[])));

/// Runs helm with these arguments.
pub(crate) fn helm(arguments: &[&str]) -> Output {
    let program = program();
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests' own exec of helm: an argument vector, a cleared environment"
    )]
    let mut command = std::process::Command::new(&program);
    // Without a home and a kubeconfig helm cannot meet a cluster.
    let output = command.args(arguments).env_clear().env("HOME", "/nonexistent").output();
    output.unwrap_or_else(|error| panic!("{}: {error}; run `make upstream`", program.display()))
}

/// `$DEIS_UPSTREAM/helm`, or the newest that was built into the cache.
fn program() -> PathBuf {
    if let Some(folder) = std::env::var_os("DEIS_UPSTREAM") {
        return PathBuf::from(folder).join("helm");
    }
    let cache = std::env::var_os("DEIS_CACHE")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/deis"), PathBuf::from);
    let folders = std::fs::read_dir(cache.join("upstream")).into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("helm"))
        .filter(|helm| helm.is_file())
        .max_by_key(|helm| helm.metadata().and_then(|file| file.modified()).ok())
        .unwrap_or_else(|| panic!("no helm: run `make upstream`"))
}

/// `helm template` with more arguments; fails the test when it fails.
pub(crate) fn template(arguments: &[&str]) -> String {
    let output = try_template(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn try_template(arguments: &[&str]) -> Output {
    helm(&[&["template", "deis", CHART, "--namespace", "deis", "--kube-version", "1.35"], arguments].concat())
}

pub(crate) fn objects(text: &str) -> Vec<Value> {
    let documents = text.split("\n---").map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    documents.filter(|object| !object.is_null()).collect()
}

pub(crate) fn of_kind(kind: &str) -> impl Iterator<Item = &'static Value> {
    DEFAULT.iter().filter(move |object| object["kind"] == kind)
}

pub(crate) fn one(kind: &str, name: &str) -> &'static Value {
    of_kind(kind).find(|object| object["metadata"]["name"] == name).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// `Deployment deis-router`.
pub(crate) fn title(object: &Value) -> String {
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// A list; what is missing has no elements.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(crate) fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// Every pod that the chart leads to: the object that makes it, and its template.
pub(crate) fn pod_templates(objects: &[Value]) -> Vec<(String, &Value)> {
    objects
        .iter()
        .filter_map(|object| {
            let template = match text(&object["kind"]) {
                "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
                _ => &object["spec"]["template"],
            };
            template.is_object().then(|| (title(object), template))
        })
        .collect()
}

/// Those that serve, not those that end.
pub(crate) fn services(objects: &[Value]) -> Vec<(String, &Value)> {
    let mut templates = pod_templates(objects);
    templates.retain(|(title, _)| !title.contains("Job "));
    templates
}
