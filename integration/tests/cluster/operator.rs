//! The operator's side: the chart as the API server sees it, and `deisctl` on the running platform.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::discovery::{Scope, pinned_kind};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::support::Platform;

/// Strict validation, as of an apply that is not done in the end: no misspelt field, no value that Kubernetes refuses.
#[tokio::test]
async fn the_api_server_finds_no_fault_with_the_chart() {
    let platform = Platform::connect().await;
    let helm = PathBuf::from(std::env::var_os("DEIS_UPSTREAM").expect("run `make test`")).join("helm");
    let chart = root().join("charts/workflow");
    let chart = chart.to_str().unwrap();
    let rendered = output(&helm, &["template", "deis", chart, "--namespace=deis", "--kube-version=1.35"]).await;
    let mut seen = 0;
    for document in rendered.split("\n---") {
        let object: Option<DynamicObject> = serde_saphyr::from_str(document).unwrap();
        if let Some(object) = object {
            dry_run(&platform.client, &object).await;
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} objects");
}

async fn dry_run(client: &Client, object: &DynamicObject) {
    let types = object.types.clone().unwrap();
    let kind = (&types).try_into().unwrap();
    let (resource, capabilities): (ApiResource, _) = pinned_kind(client, &kind).await.unwrap();
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), &object.namespace().unwrap(), &resource),
    };
    let params = PatchParams::apply("deis-chart-test").force().validation_strict().dry_run();
    #[expect(clippy::disallowed_methods, reason = "a dry run writes nothing")]
    let applied = api.patch(&object.name_any(), &params, &Patch::Apply(object)).await;
    applied.unwrap_or_else(|error| panic!("{} {}: {error}", types.kind, object.name_any()));
}

#[tokio::test]
async fn deisctl_says_that_every_part_is_up() {
    let _platform = Platform::connect().await;
    let report: Value = serde_json::from_str(&output(&deisctl(), &["status", "--output=json"]).await).unwrap();
    let components = report.as_array().unwrap();
    assert_eq!(components.len(), 11);
    for component in components {
        assert_eq!(component["up"], true, "{component}");
    }
    let answers = components.iter().flat_map(|component| component["pods"].as_array().unwrap());
    let asked = answers.filter(|pod| pod["answer"]["well"] == true).count();
    assert!(asked >= 7, "two routers, workflow, builder, registry-proxy, logger and state can be asked: {report}");
}

/// What the doctor says, as JSON, as soon as it finds no fault: the lock of a builder that another test has killed ends within 30 s.
pub(crate) async fn well_platform() -> String {
    let mut last = String::new();
    let well = async {
        loop {
            let said = ran(&deisctl(), &["doctor", "--output=json"]).await;
            if said.status.success() {
                return String::from_utf8(said.stdout).unwrap();
            }
            last = String::from_utf8_lossy(&said.stdout).into_owned();
        }
    };
    let well = deis_bootstrap::deadline(Duration::from_secs(60), well).await;
    well.unwrap_or_else(|late| panic!("{late}: {last}"))
}

#[tokio::test]
async fn the_doctor_finds_the_platform_well() {
    let _platform = Platform::connect().await;
    let findings: Value = serde_json::from_str(&well_platform().await).unwrap();
    let findings = findings.as_array().unwrap();
    let areas = findings.iter().map(|finding| finding["area"].as_str().unwrap()).collect::<BTreeSet<_>>();
    assert_eq!(
        areas,
        ["apps", "drift", "leases", "nodes", "parts", "secrets", "services", "versions", "volumes"].into()
    );
    assert!(findings.len() > 40 && findings.iter().all(|finding| finding["well"] == true), "{findings:?}");
}

#[tokio::test]
async fn deisctl_shows_the_log_of_each_replica() {
    let _platform = Platform::connect().await;
    let log = output(&deisctl(), &["journal", "router", "--lines=1"]).await;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.lines().all(|line| line.starts_with("deis-router-")), "{log}");
}

#[tokio::test]
async fn every_router_explains_a_host() {
    let platform = Platform::connect().await;
    let explain = async |host: &str| {
        let said = output(&deisctl(), &["explain", host, "--output=json"]).await;
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let api = explain(&format!("deis.{}", platform.domain)).await;
    let routers = api["routers"].as_array().unwrap();
    assert_eq!((api["differences"].as_array().unwrap().len(), routers.len()), (0, 2), "{api}");
    for router in routers {
        let (code, route) = (&router["explanation"]["code"], &router["explanation"]["route"]);
        assert!(code.is_null() && route["service"] == "deis/deis-workflow", "{api}");
        assert_eq!(route["pods"][0]["standing"], "ready", "{api}");
    }
    let nobody = explain(&format!("nobody-has-this.{}", platform.domain)).await;
    assert_eq!(nobody["routers"][0]["explanation"]["code"], "unknown-host", "{nobody}");
}

/// The chart's value is `enabled` here as well: other tests register users meanwhile.
#[tokio::test]
async fn deisctl_sets_shows_and_takes_away_a_setting() {
    let _platform = Platform::connect().await;
    let config = async |arguments: &[&str]| output(&deisctl(), &[&["config", "workflow"], arguments].concat()).await;
    assert_eq!(config(&["set", "registration-mode=enabled"]).await, "registration-mode=enabled\n");
    let all: Value = serde_json::from_str(&config(&["get", "--output=json"]).await).unwrap();
    let [setting] = all.as_array().unwrap().as_slice() else { panic!("one setting: {all}") };
    assert_eq!((&setting["key"], &setting["value"]), (&"registration-mode".into(), &"enabled".into()));

    // The second time it is a change, which needs the revision of the first.
    config(&["set", "registration-mode=enabled"]).await;
    let one: Value = serde_json::from_str(&config(&["get", "registration-mode", "--output=json"]).await).unwrap();
    assert!(one[0]["revision"].as_i64() > setting["revision"].as_i64(), "{one} after {all}");

    assert_eq!(config(&["rm", "registration-mode"]).await, "registration-mode\n");
    assert_eq!(config(&["get"]).await, "Nothing is set for workflow: the chart's values hold.\n");
}

/// A second init, as of each upgrade, finds all that it made.
#[tokio::test]
async fn init_keeps_what_it_made() {
    let platform = Platform::connect().await;
    let printed = output(&deisctl(), &["init", &format!("--domain={}", platform.domain)]).await;
    assert_eq!(printed.lines().count(), 19, "{printed}");
    assert!(printed.lines().all(|line| line.ends_with(" kept")), "{printed}");
}

/// Two controllers with two ledgers would undo each other's work.
#[tokio::test]
async fn a_controller_by_itself_is_refused_beside_the_platform() {
    let _platform = Platform::connect().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = tokio::process::Command::new(root().join("target/debug/workflow"));
    command.args(["serve", "--embedded", "--rest-listen=127.0.0.1:0", "--admin-address=127.0.0.1:0", "--data"]);
    let output = command.arg(&data).stdin(Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("deis-state is in this cluster's namespace deis: the platform's own controller"), "{log}");
    assert!(!data.exists(), "nothing was made");
}

pub(crate) fn deisctl() -> PathBuf {
    root().join("target/debug/deisctl")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Runs a program that should succeed; gives its standard output.
pub(crate) async fn output(program: &Path, arguments: &[&str]) -> String {
    let output = ran(program, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn ran(program: &Path, arguments: &[&str]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = tokio::process::Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output().await;
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}
