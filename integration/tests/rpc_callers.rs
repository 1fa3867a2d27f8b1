//! Every RPC has a caller that is not a test: its client method is called in the code of a package that the contract allows.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[test]
fn every_rpc_has_a_caller() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let awaiting: BTreeMap<String, String> = toml::from_str(include_str!("../rpc-callers.toml")).unwrap();
    let mut problems = Vec::new();
    for (path, callers) in deis_proto::CALLERS {
        let (service, method) = path.trim_start_matches('/').rsplit_once('/').unwrap();
        let client = format!("{}Client", service.rsplit('.').next().unwrap());
        let call = format!(".{}(", snake_case(method));
        let is_called = callers.iter().flat_map(|caller| sources_of(root, caller)).any(|package| {
            let texts = rust_files(&package).iter().map(|file| code_of(file)).collect::<Vec<_>>();
            texts.iter().any(|text| text.contains(&client)) && texts.iter().any(|text| text.contains(&call))
        });
        match (is_called, awaiting.contains_key(*path)) {
            (false, false) => problems.push(format!("{path} has no caller among {callers:?}")),
            (true, true) => problems.push(format!("{path} has its caller: take it out of rpc-callers.toml")),
            _ => {}
        }
    }
    for path in awaiting.keys().filter(|path| !deis_proto::CALLERS.iter().any(|(known, _)| known == path)) {
        problems.push(format!("{path} in rpc-callers.toml does not exist"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The folders with the production code of a caller.
fn sources_of(root: &Path, caller: &str) -> Vec<PathBuf> {
    match caller {
        "operator" => vec![root.join("deisctl/src")],
        "build-pod" => vec![root.join("lifecycle/build/src")],
        "logger-agent" => vec![root.join("services/logger/src")],
        service => vec![root.join("services").join(service).join("src")],
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A file's text up to its tests.
fn code_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn snake_case(method: &str) -> String {
    let mut name = String::new();
    for letter in method.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
