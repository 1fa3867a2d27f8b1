//! What a user does with an app in the first week: give it names, share it, give it away, shape it, restart it, look at its builds, and
//! destroy it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{App, Developer, Platform, Repository, is_ready, until_answers};

/// A label that no node has unless a test gives it one.
const LABEL: &str = "first-week.deis.test/app";

#[tokio::test]
async fn an_app_is_served_under_every_name_it_has() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "namer").await;
    let (repository, app) = developer.pushed_app("go").await;

    let name = format!("www-{}", app.name);
    let url = format!("http://{name}.{}/", platform.domain);
    until_answers(&url, 404).await;
    let added = repository.deis(&["domains:add", &name]).await.succeeded();
    assert_eq!(added.stdout, format!("Adding {name} to {}... done\n", app.name));
    until_answers(&url, 200).await;
    let title = format!("=== {} Domains", app.name);
    drop(repository.deis(&["domains"]).await.succeeded().has_lines(&[&title, &app.name, &name]));

    let other = repository.deis(&["create", "--no-remote"]).await.succeeded();
    let other = App::named_in(&platform, &other.stdout);
    let taken = repository.deis(&["domains:add", &name, "--app", &other.name]).await.failed(1);
    assert!(taken.stderr.contains("already in use"), "{taken}");

    drop(repository.deis(&["domains:remove", &name]).await.succeeded());
    until_answers(&url, 404).await;
    assert_eq!(app.get().await.0, 200);
}

/// By the program that people get, which is linked statically.
#[tokio::test]
async fn the_doctor_finds_all_that_a_push_needs() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "patient").await;
    let repository = developer.repository("go").await;
    drop(repository.deis(&["create"]).await.succeeded());
    let findings = repository.deis(&["doctor", "--output=json"]).await.succeeded();
    let findings: Value = serde_json::from_str(&findings.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    assert_eq!(findings.len(), 9);
    assert!(findings.iter().all(|finding| finding["status"] == "ok"), "{findings:?}");
}

#[tokio::test]
async fn an_app_is_shared_and_given_away() {
    let platform = Platform::connect().await;
    let owner = Developer::register(&platform, "owner").await;
    let friend = Developer::register(&platform, "friend").await;
    let (repository, app) = owner.pushed_app("go").await;

    let refused = friend.deis(&["ps", "--app", &app.name]).await.failed(1);
    assert!(refused.stderr.contains("You do not have permission to perform this action."), "{refused}");
    let granted = repository.deis(&["sharing:add", &friend.name]).await.succeeded();
    assert_eq!(granted.stdout, format!("Adding {} to {} collaborators... done\n", friend.name, app.name));
    let title = format!("=== {}'s Users", app.name);
    drop(repository.deis(&["perms"]).await.succeeded().has_lines(&[&title, &friend.name]));

    // A collaborator works on the app and takes nothing away.
    drop(friend.deis(&["config:set", "POWERED_BY=Friends", "--app", &app.name]).await.succeeded());
    assert_eq!(app.get().await, (200, "Powered by Friends\n".to_owned()));
    let confirm = format!("--confirm={}", app.name);
    drop(friend.deis(&["destroy", "--app", &app.name, &confirm]).await.failed(1));
    drop(friend.deis(&["perms:create", &owner.name, "--app", &app.name]).await.failed(1));

    drop(repository.deis(&["apps:transfer", &friend.name]).await.succeeded());
    let info = friend.deis(&["info", "--app", &app.name, "--output=json"]).await.succeeded();
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["app"]["owner"], friend.name.as_str());
    drop(repository.deis(&["destroy", &confirm]).await.failed(1));
    drop(friend.deis(&["destroy", "--app", &app.name, &confirm]).await.succeeded());
}

#[tokio::test]
async fn processes_have_the_shape_that_was_asked_for() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "shaper").await;
    let (repository, app) = developer.pushed_app("go").await;

    let set = repository.deis(&["limits:set", "web=64M/128M"]).await.succeeded();
    drop(set.has_lines(&["Applying limits... done", "--- Memory", "web     64M/128M", "--- CPU", "Unlimited"]));
    let limited = container(&app).await;
    assert_eq!(limited["resources"]["limits"]["memory"], "128Mi");
    drop(repository.deis(&["limits:set", "--cpu", "web=50m/500m"]).await.succeeded());
    let check = ["healthchecks:set", "liveness", "httpGet", "5000", "--type=web", "--initial-delay-timeout=1"];
    let checked = repository.deis(&check).await.succeeded();
    drop(checked.has_lines(&["Applying livenessProbe healthcheck... done", "web:", "Initial Delay (seconds): 1"]));

    let shaped = container(&app).await;
    assert_eq!(shaped["resources"]["requests"]["memory"], "64Mi");
    assert_eq!(shaped["resources"]["limits"]["memory"], "128Mi");
    assert_eq!(shaped["resources"]["requests"]["cpu"], "50m");
    assert_eq!(shaped["resources"]["limits"]["cpu"], "500m");
    assert_eq!(shaped["livenessProbe"]["httpGet"]["port"], 5000);
    assert_eq!(shaped["livenessProbe"]["initialDelaySeconds"], 1);
    let pod = serde_json::to_value(only_pod(&app).await).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["livenessProbe"], shaped["livenessProbe"]);
    // Kubernetes adds what its namespace says of the disk.
    for bound in ["/requests/memory", "/limits/memory", "/requests/cpu", "/limits/cpu"] {
        let [of_pod, asked] = [&pod["spec"]["containers"][0], &shaped].map(|one| one["resources"].pointer(bound));
        assert_eq!(of_pod, asked, "{bound}");
    }

    let lifted = repository.deis(&["limits:unset", "web"]).await.succeeded();
    drop(lifted.has_lines(&["--- Memory", "Unlimited", "--- CPU", "web     50m/500m"]));
    drop(repository.deis(&["healthchecks:unset", "liveness", "--type=web"]).await.succeeded());
    let lifted = container(&app).await;
    assert_eq!((&lifted["livenessProbe"], &lifted["resources"]["limits"]["cpu"]), (&Value::Null, &json!("500m")));

    let tag = format!("{LABEL}={}", app.name);
    // No node has it: nothing is released, and what was served goes on being served.
    let nowhere = repository.deis(&["tags:set", &tag]).await.failed(1);
    assert!(nowhere.stderr.contains("No nodes matched the provided labels"), "{nowhere}");
    assert_eq!(app.get().await.0, 200);
    let nodes = Api::<Node>::all(platform.client.clone());
    let node = nodes.list(&ListParams::default()).await.unwrap().items.swap_remove(0).name_any();
    label(&nodes, &node, json!(app.name)).await;
    // Whatever becomes of it, the node is as it was.
    let tagged = AssertUnwindSafe(runs_where_its_tag_says(&repository, &app, &tag, &node)).catch_unwind().await;
    label(&nodes, &node, Value::Null).await;
    tagged.unwrap_or_else(|panic| resume_unwind(panic));
    assert_eq!(app.get().await.0, 200);
}

/// An app has its process on the node that has its tag, and anywhere without one.
async fn runs_where_its_tag_says(repository: &Repository<'_>, app: &App<'_>, tag: &str, node: &str) {
    let set = repository.deis(&["tags:set", tag]).await.succeeded();
    let title = format!("=== {} Tags", app.name);
    drop(set.has_lines(&["Applying tags... done", &title]));
    assert_eq!(app.template().await.get("nodeSelector"), Some(&json!({ LABEL: app.name })));
    let spec = only_pod(app).await.spec.unwrap();
    assert_eq!(spec.node_name.as_deref(), Some(node));
    assert_eq!(spec.node_selector, Some([(LABEL.to_owned(), app.name.clone())].into()));

    drop(repository.deis(&["tags:unset", LABEL]).await.succeeded());
    assert_eq!(app.template().await.get("nodeSelector"), None);
}

#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn label(nodes: &Api<Node>, node: &str, value: Value) {
    let patch = Patch::Merge(json!({ "metadata": { "labels": { LABEL: value } } }));
    drop(nodes.patch(node, &PatchParams::default(), &patch).await.unwrap());
}

/// What Kubernetes is told of the newest release's only container.
async fn container(app: &App<'_>) -> Value {
    app.template().await.pointer_mut("/containers/0").unwrap().take()
}

async fn only_pod(app: &App<'_>) -> Pod {
    let what = format!("one process of {} is left", app.name);
    let mut pods = app.eventually_pods(&what, |pods| pods.len() == 1 && pods.iter().all(is_ready)).await;
    pods.swap_remove(0)
}

#[tokio::test]
async fn a_restart_replaces_the_processes_of_a_release() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "restarter").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());

    let before = app.pods().await.iter().map(kube::ResourceExt::name_any).collect::<Vec<_>>();
    let one = before.first().unwrap();
    drop(repository.deis(&["ps:restart", one]).await.succeeded());
    let after = settled(&app).await;
    assert!(!after.contains(one) && after.contains(&before[1]), "{before:?}, then {after:?}");

    let title = format!("=== {} Processes", app.name);
    let all = repository.deis(&["ps:restart", "web"]).await.succeeded();
    drop(all.has_lines(&["Restarting processes... but first, coffee!", &title, "--- web:"]));
    let last = settled(&app).await;
    assert!(!last.iter().any(|pod| after.contains(pod)), "{after:?}, then {last:?}");
    assert_eq!(app.controllers().await, [("v2-web".to_owned(), 2)]);
}

/// The names of two processes, when there are two.
async fn settled(app: &App<'_>) -> Vec<String> {
    let what = format!("two processes of {} run", app.name);
    let pods = app.eventually_pods(&what, |pods| pods.len() == 2 && pods.iter().all(is_ready)).await;
    pods.iter().map(kube::ResourceExt::name_any).collect()
}

#[tokio::test]
async fn builds_are_kept_with_what_they_printed() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "builder").await;
    let (repository, app) = developer.pushed_app("go").await;

    std::fs::write(repository.path().join("main.go"), "package main\n\nfunc main() { nothing() }\n").unwrap();
    let _broken = repository.commit("Break it").await;
    drop(repository.git(&["push", "deis", "master"]).await.failed(1));

    let builds = builds(&repository).await;
    let states = builds.iter().map(|build| build["state"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(states, ["failed", "succeeded"]);
    let log = repository.deis(&["builds:log"]).await.succeeded();
    assert!(log.stdout.contains("undefined: nothing"), "{log}");
    let first = repository.deis(&["builds:log", builds[1]["uuid"].as_str().unwrap()]).await.succeeded();
    drop(first.has_lines(&["-----> Go app detected"]));

    let cleared = repository.deis(&["builds:clear-cache"]).await.succeeded();
    let begin = format!("Clearing the build cache of {}... done, ", app.name);
    assert!(cleared.stdout.starts_with(&begin) && cleared.stdout.ends_with(" freed\n"), "{cleared}");
    assert!(!cleared.stdout.contains(" 0 bytes "), "a Go build leaves a cache: {cleared}");
    drop(repository.deis(&["builds:cancel"]).await.failed(1));
}

async fn builds(repository: &Repository<'_>) -> Vec<Value> {
    let list = repository.deis(&["builds", "--output=json"]).await.succeeded();
    serde_json::from_str(&list.stdout).unwrap()
}

#[tokio::test]
async fn a_destroyed_app_leaves_its_name_and_nothing_else() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "destroyer").await;
    let (repository, app) = developer.pushed_app("go").await;
    let name = app.name.clone();

    let mistyped = repository.deis(&["destroy", "--confirm=another"]).await.failed(1);
    assert!(mistyped.stderr.contains(&format!("App {name} does not match confirm another, aborting.")), "{mistyped}");
    let destroyed = repository.deis(&["destroy", &format!("--confirm={name}")]).await.succeeded();
    let title = format!("Destroying {name}...");
    drop(destroyed.has_lines(&[&title, &format!("Git remotes for app {name} removed.")]));

    let namespaces = Api::<Namespace>::all(platform.client.clone());
    assert!(namespaces.get_opt(&name).await.unwrap().is_none(), "the answer came before the namespace was gone");
    until_answers(&format!("http://{name}.{}/", platform.domain), 404).await;
    assert_eq!(repository.git(&["remote"]).await.succeeded().stdout, "");
    drop(repository.deis(&["info", "--app", &name]).await.failed(1));

    // The name is free, and nothing of the old app comes back with it.
    drop(repository.deis(&["create", &name]).await.succeeded());
    assert_eq!(builds(&repository).await, Vec::<Value>::new());
    let releases = App::named_in(&platform, &format!("created {name}")).releases(&repository).await;
    assert_eq!(releases, [("v1".to_owned(), format!("{} created initial release", developer.name))]);
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
    assert_eq!(app.get().await.0, 200);
}
