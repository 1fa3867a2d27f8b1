//! What an app is told in confidence is in Secrets, and nowhere else: no other object, no log, no metric and no report has it.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use kube::discovery::{Discovery, Scope, verbs};
use rcgen::{CertificateParams, KeyPair};

use crate::support::{App, Developer, Forward, Platform, Repository};

/// Stands in every secret and in nothing else.
const MARK: &str = "confided";
/// Where the platform keeps objects of apps.
const NAMESPACES: [&str; 2] = ["deis", "deis-certificates"];

#[tokio::test]
async fn what_was_confided_is_in_secrets_alone() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "confider").await;
    let (repository, app) = developer.pushed_app("go").await;
    let unique = app.name.clone();
    let mark = format!("{MARK}-{unique}");

    drop(repository.deis(&["config:set", &format!("API_KEY={mark}-1"), "POWERED_BY=Trust"]).await.succeeded());
    app.was_configured("POWERED_BY", "Trust");
    drop(repository.deis(&["config:set", &format!("PASSWORD={mark}-2")]).await.succeeded());
    drop(repository.deis(&["run", "test -n \"$API_KEY\""]).await.succeeded());
    let secrets = [mark, certificate(&repository, &app).await];

    let mut texts = Vec::new();
    for namespace in NAMESPACES.into_iter().chain([app.name.as_str()]) {
        texts.extend(objects(&platform, namespace).await);
    }
    texts.extend(logs(&platform).await);
    texts.extend(metrics(&platform).await);
    for report in ["activity", "logs", "releases", "explain", "ps", "info"] {
        texts.push((format!("deis {report}"), repository.deis(&[report]).await.succeeded().text()));
    }

    // What is looked at has what it is there for.
    for (what, known) in [
        ("Pod ", "heritage"),
        ("Event ", "Started"),
        ("Secret ", "kubernetes.io/tls"),
        ("log of deis-workflow-", &unique),
        ("metrics of deis-workflow-", "# TYPE"),
        ("deis activity", "********"),
    ] {
        let has = |(name, text): &(String, String)| name.starts_with(what) && text.contains(known);
        assert!(texts.iter().any(has), "no {what}has {known}");
    }
    let may_be_read = texts.iter().filter(|(name, _)| !name.starts_with("Secret "));
    let found = may_be_read.filter(|(_, text)| secrets.iter().any(|secret| text.contains(secret)));
    let found = found.map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert!(found.is_empty(), "{found:?}");
}

/// Has the app's own name served with a certificate; answers a line of its private key.
async fn certificate(repository: &Repository<'_>, app: &App<'_>) -> String {
    let host = format!("private.{}.example.org", app.name);
    let key = KeyPair::generate().unwrap();
    let chain = CertificateParams::new([host.clone()]).unwrap().self_signed(&key).unwrap();
    let pem = key.serialize_pem();
    std::fs::write(repository.path().join("chain.pem"), chain.pem()).unwrap();
    std::fs::write(repository.path().join("key.pem"), &pem).unwrap();
    let name = format!("{}-private", app.name);
    drop(repository.deis(&["domains:add", &host]).await.succeeded());
    drop(repository.deis(&["certs:add", &name, "chain.pem", "key.pem"]).await.succeeded());
    drop(repository.deis(&["certs:attach", &name, &host]).await.succeeded());
    pem.lines().nth(1).unwrap().to_owned()
}

/// Every object of a namespace, of every kind that can be listed, as `kubectl describe` and `kubectl get` have it.
async fn objects(platform: &Platform, namespace: &str) -> Vec<(String, String)> {
    let discovery = Discovery::new(platform.client.clone()).run().await.unwrap();
    let kinds = discovery.groups().flat_map(|group| group.recommended_resources());
    let kinds = kinds.filter(|(_, found)| found.scope == Scope::Namespaced && found.supports_operation(verbs::LIST));
    let mut texts = Vec::new();
    for (kind, _) in kinds {
        let api = Api::<DynamicObject>::namespaced_with(platform.client.clone(), namespace, &kind);
        for object in api.list(&ListParams::default()).await.unwrap() {
            texts.push((format!("{} {}", kind.kind, object.name_any()), serde_json::to_string(&object).unwrap()));
        }
    }
    texts
}

/// The platform's own pods: builds come and go.
fn parts() -> ListParams {
    ListParams::default().labels("heritage=deis,app")
}

/// What each container of the platform has printed.
async fn logs(platform: &Platform) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let pods = platform.own::<Pod>();
    for pod in pods.list(&parts()).await.unwrap() {
        for container in &pod.spec.as_ref().unwrap().containers {
            let params = LogParams { container: Some(container.name.clone()), ..LogParams::default() };
            let text = pods.logs(&pod.name_any(), &params).await.unwrap();
            texts.push((format!("log of {}", pod.name_any()), text));
        }
    }
    texts
}

/// The metrics of each of our services.
async fn metrics(platform: &Platform) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let pods = platform.own::<Pod>();
    for pod in pods.list(&parts()).await.unwrap() {
        let ports =
            pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| container.ports.iter().flatten());
        let Some(port) = ports.clone().find(|port| port.name.as_deref() == Some("admin")) else { continue };
        let forward = Forward::to(pods.clone(), &pod.name_any(), u16::try_from(port.container_port).unwrap()).await;
        let text = reqwest::get(format!("{}/metrics", forward.url)).await.unwrap().text().await.unwrap();
        texts.push((format!("metrics of {}", pod.name_any()), text));
    }
    texts
}
