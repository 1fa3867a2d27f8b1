//! One tenant's image is nobody else's: not by any spelling that `deis pull` is given, not at the nodes' registry door, not by a pod
//! that is made by hand.
#![expect(clippy::indexing_slicing, reason = "a JSON value is indexed safely")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Node, Pod, Secret, Service};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::support::{App, Developer, Platform, Tunnel, eventually, shown};

/// An app with the image that it runs.
struct Tenant {
    app: String,
    /// "{app}@sha256:…".
    image: String,
    /// "sha256:…".
    digest: String,
    /// What its namespace has for the kubelet: user and password.
    pull: (String, String),
}

impl Tenant {
    async fn of(platform: &Platform, app: &App<'_>) -> Self {
        let pod = app.pods().await.swap_remove(0);
        let image = pod.spec.unwrap().containers.swap_remove(0).image.unwrap();
        let image = image.strip_prefix("127.0.0.1:5555/").unwrap().to_owned();
        let digest = image.strip_prefix(&format!("{}@", app.name)).unwrap().to_owned();
        let secret = platform.objects::<Secret>(&app.name).get(&format!("{}-pull", app.name)).await.unwrap();
        let logins: Value = serde_json::from_slice(&secret.data.unwrap()[".dockerconfigjson"].0).unwrap();
        let login = STANDARD.decode(logins["auths"]["127.0.0.1:5555"]["auth"].as_str().unwrap()).unwrap();
        let (user, password) = str::from_utf8(&login).unwrap().split_once(':').unwrap();
        Self { app: app.name.clone(), image, digest, pull: (user.to_owned(), password.to_owned()) }
    }

    fn login(&self) -> Option<(&str, &str)> {
        Some((&self.pull.0, &self.pull.1))
    }
}

#[tokio::test]
async fn nobody_gets_the_image_of_another_tenant() {
    let platform = Platform::connect().await;
    let (owner, thief) = tokio::join!(Developer::register(&platform, "owner"), Developer::register(&platform, "thief"));
    let ((_repository, theirs), tunnel) = tokio::join!(owner.pushed_app("go"), Tunnel::push(&platform, &thief));
    let (theirs, own) = (Tenant::of(&platform, &theirs).await, Tenant::of(&platform, &tunnel.app).await);

    no_spelling_is_pulled(&platform, &thief, &theirs, &own).await;
    let id = the_door_is_closed(&platform, &tunnel, &theirs, &own).await;
    no_pod_runs_it(&platform, &theirs, &own, &id).await;
}

/// `deis pull` of another tenant's image, by each name of the registries that have it.
async fn no_spelling_is_pulled(platform: &Platform, thief: &Developer<'_>, theirs: &Tenant, own: &Tenant) {
    let ledger = async || {
        let about = |command: &'static str| [command, "--app", own.app.as_str()];
        let releases = thief.deis(&about("releases")).await.succeeded().stdout;
        releases + &thief.deis(&about("builds")).await.succeeded().stdout
    };
    let before = ledger().await;
    let Tenant { app, image, digest, .. } = theirs;
    let mut names = vec![
        format!("127.0.0.1:5555/{app}"),
        format!("127.0.0.1:5555/{app}:latest"),
        format!("127.0.0.1:5555/{app}:v2@{digest}"),
        format!("deis-registry:5000/{app}:v2"),
    ];
    names.extend(registries(platform).await.iter().map(|registry| format!("{registry}/{image}")));
    for name in &names {
        let refused = thief.deis(&["pull", name, "--app", &own.app]).await.failed(1);
        assert!(refused.stderr.contains(" cannot be pulled: its registry may not be asked, "), "{refused}");
        drop(refused.has_lines(&["Code: permission-denied"]));
    }
    // Not even names.
    for registry in [
        "[::1]:5555",
        "[::ffff:127.0.0.1]:5555",
        "deis-registry.deis.svc.cluster.local.:5000",
        "127.0.0.1.:5555",
        "http://127.0.0.1:5555",
        "x@127.0.0.1:5555",
        "127.0.0.1%3A5555",
        "127.0.0.1:5555/..",
    ] {
        let name = format!("{registry}/{image}");
        let refused = thief.deis(&["pull", &name, "--app", &own.app]).await.failed(1);
        assert!(refused.stderr.contains(" is not the name of an image: "), "{refused}");
        drop(refused.has_lines(&["Code: invalid-argument"]));
    }
    assert_eq!(ledger().await, before);
}

/// Every name and address by which the registry, or the nodes' door to it, can be reached from somewhere in the cluster.
async fn registries(platform: &Platform) -> Vec<String> {
    let service = platform.own::<Service>().get("deis-registry").await.unwrap();
    let nodes = Api::<Node>::all(platform.client.clone()).list(&ListParams::default()).await.unwrap();
    let nodes = nodes.into_iter().filter_map(|node| node.status?.addresses).flatten();
    let nodes =
        nodes.filter(|address| address.type_ == "InternalIP").map(|address| format!("{}:5555", address.address));
    let written = [
        "127.0.0.1:5555",
        "127.1:5555",
        "127.0.0.2:5555",
        "0.0.0.0:5555",
        "0:5555",
        "0x7f000001:5555",
        "0x7f.0.0.1:5555",
        "0177.0.0.1:5555",
        "2130706433:5555",
        "localhost:5555",
        "LOCALHOST:5555",
        "app.localhost:5555",
        "deis-registry:5000",
        "Deis-Registry:5000",
        "deis-registry.deis:5000",
        "deis-registry.deis.svc:5000",
        "deis-registry.deis.svc.cluster.local:5000",
        "DEIS-REGISTRY.deis.svc.cluster.local:5000",
        "deis-registry-proxy:5555",
    ];
    let mut registries = written.map(str::to_owned).to_vec();
    registries.push(format!("{}:5000", service.spec.unwrap().cluster_ip.unwrap()));
    registries.push(format!("{}:5000", address_of(platform, "deis-registry").await));
    registries.push(format!("{}:5555", address_of(platform, "deis-registry-proxy").await));
    registries.extend(nodes);
    registries
}

async fn address_of(platform: &Platform, part: &str) -> String {
    let pods = ListParams::default().labels(&format!("app={part}"));
    let pod = platform.own::<Pod>().list(&pods).await.unwrap().items.swap_remove(0);
    pod.status.and_then(|status| status.pod_ip).unwrap()
}

/// At the nodes' door, the thief's pull credentials are for his own repository. Gives the digest of the image's config, by which the
/// runtime knows the image too.
async fn the_door_is_closed(platform: &Platform, tunnel: &Tunnel<'_>, theirs: &Tenant, own: &Tenant) -> String {
    let door = format!("{}:5555", address_of(platform, "deis-registry-proxy").await);
    let manifest = |tenant: &Tenant, digest: &str| format!("GET /v2/{}/manifests/{digest}", tenant.app);
    let found = tunnel.ask(&door, &manifest(theirs, &theirs.digest), theirs.login()).await.unwrap();
    assert_eq!(found.status, 200, "{}", shown(&found.body));
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    let id = found["config"]["digest"].as_str().unwrap().to_owned();

    let as_them = Some((theirs.app.as_str(), own.pull.1.as_str()));
    for (asked, login, status) in [
        (manifest(own, &own.digest), own.login(), 200),
        (manifest(theirs, &theirs.digest), own.login(), 403),
        (format!("GET /v2/{}/blobs/{id}", theirs.app), own.login(), 403),
        (manifest(theirs, &theirs.digest), as_them, 401),
        (manifest(theirs, &theirs.digest), None, 401),
        // What is in one repository is in no other, though the store is one.
        (manifest(own, &theirs.digest), own.login(), 404),
        (format!("GET /v2/{}/blobs/{id}", own.app), own.login(), 404),
        // Nor is it brought there.
        (format!("POST /v2/{}/blobs/uploads/?mount={id}&from={}", own.app, theirs.app), own.login(), 405),
    ] {
        let answer = tunnel.ask(&door, &asked, login).await.unwrap();
        assert_eq!(answer.status, status, "{asked}: {}", shown(&answer.body));
    }
    // Behind the door these credentials are nobody's.
    let answer = tunnel.ask("deis-registry.deis:5000", &manifest(own, &own.digest), own.login()).await.unwrap();
    assert_eq!(answer.status, 401, "{}", shown(&answer.body));
    id
}

/// Pods that somebody makes in the thief's namespace, on the node that has the image already.
async fn no_pod_runs_it(platform: &Platform, theirs: &Tenant, own: &Tenant, id: &str) {
    let (at_the_door, secret) = (format!("127.0.0.1:5555/{}", theirs.image), format!("{}-pull", own.app));
    let smuggled = format!("127.0.0.1:5555/{}@{}", own.app, theirs.digest);
    let localhost = format!("localhost:5555/{}", theirs.image);
    let (with, without) = (Some(secret.as_str()), None);
    let attempts = [
        ("own", format!("127.0.0.1:5555/{}", own.image), "IfNotPresent", with, "started"),
        ("always", at_the_door.clone(), "Always", with, "403 Forbidden"),
        ("present", at_the_door.clone(), "IfNotPresent", with, "403 Forbidden"),
        ("never", at_the_door.clone(), "Never", with, "ErrImageNeverPull"),
        ("no-secret", at_the_door, "IfNotPresent", without, "401 Unauthorized"),
        ("smuggled", smuggled, "IfNotPresent", with, "not found"),
        ("localhost", localhost, "IfNotPresent", with, "401 Unauthorized"),
        ("by-id", id.to_owned(), "Never", with, "ErrImageNeverPull"),
        // It is looked for elsewhere.
        ("by-id-present", id.to_owned(), "IfNotPresent", with, "failed to pull and unpack image"),
    ];
    let pods = platform.objects::<Pod>(&own.app);
    for (name, image, policy, secret, _verdict) in &attempts {
        #[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
        pods.create(&PostParams::default(), &pod(name, image, policy, *secret)).await.unwrap();
    }
    let decided = eventually("it is known whether each pod gets its image", &pods, "by=hand", |pods| {
        pods.len() == attempts.len() && pods.iter().all(|pod| verdict(pod).is_some())
    })
    .await;
    for (name, _image, _policy, _secret, expected) in attempts {
        let pod = decided.iter().find(|pod| pod.name_any() == name).unwrap();
        let verdict = verdict(pod).unwrap();
        assert!(verdict.contains(expected), "{name}: not {expected:?}, but {verdict}");
        #[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
        pods.delete(name, &DeleteParams::default().grace_period(0)).await.unwrap();
    }
}

fn pod(name: &str, image: &str, policy: &str, secret: Option<&str>) -> Pod {
    let pod = json!({
        "metadata": { "name": name, "labels": { "by": "hand" } },
        "spec": {
            "automountServiceAccountToken": false,
            "imagePullSecrets": secret.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "securityContext": { "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "main", "image": image, "imagePullPolicy": policy,
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    });
    serde_json::from_value(pod).unwrap()
}

/// "started", or what the node says instead; `None` as long as it is not known whether it lets the pod have its image.
fn verdict(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let Some(waiting) = &statuses.first()?.state.as_ref()?.waiting else { return Some("started".to_owned()) };
    let reason = waiting.reason.as_deref().filter(|reason| *reason != "ContainerCreating")?;
    Some(format!("{reason}: {}", waiting.message.as_deref().unwrap_or_default()))
}
