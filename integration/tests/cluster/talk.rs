//! The talk that this project comes from, played on a real Kubernetes: slides 2 to 4 at the command line, slides 18 to 25 in
//! Kubernetes.

use k8s_openapi::api::core::v1::{ReplicationController, Service};
use kube::ResourceExt as _;

use crate::support::{App, Developer, Platform, is_ready, ready_backends};

#[tokio::test]
async fn create_push_scale_configure_and_roll_back() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "jhansen").await;
    let repository = developer.repository("go").await;

    // Slide 2: create and push.
    let created = repository.deis(&["create"]).await.succeeded();
    let app = App::named_in(&platform, &created.text());
    let created = created.has_lines(&["Git remote deis added"]);
    assert!(created.stdout.starts_with("Creating Application... "), "{created}");
    let pushed = repository.git(&["push", "deis", "master"]).await.succeeded();
    let pushed = pushed.has_lines(&[
        "Starting build... but first, coffee!",
        "-----> Go app detected",
        "-----> Discovering process types",
        "Procfile declares types -> web",
    ]);
    let done = format!("Done, {}:v2 deployed to Deis", app.name);
    drop(pushed.has_lines(&["Build complete.", "Launching App...", &done]));
    assert_eq!(app.controllers().await, [("v2-web".to_owned(), 1)]);
    assert_eq!(app.get().await, (200, "Powered by Deis\n".to_owned()));

    // One Service for life, with the names and labels of every release.
    let service = platform.objects::<Service>(&app.name).get(&app.name).await.unwrap();
    let selector = service.spec.unwrap().selector.unwrap();
    assert_eq!(
        selector.into_iter().collect::<Vec<_>>(),
        [
            ("app".to_owned(), app.name.clone()),
            ("heritage".to_owned(), "deis".to_owned()),
            ("router.deis.io/backend".to_owned(), "true".to_owned()),
        ],
    );
    assert_eq!(platform.names::<Service>(&app.name).await, std::slice::from_ref(&app.name));

    // Slide 3: scale and configure.
    let scaled = repository.deis(&["scale", "web=5"]).await.succeeded();
    let title = format!("=== {} Processes", app.name);
    let scaled = scaled.has_lines(&["Scaling processes... but first, coffee!", &title, "--- web:"]);
    let prefix = format!("{}-v2-web-", app.name);
    let up = scaled.stdout.lines().filter(|line| line.starts_with(&prefix) && line.ends_with(" up (v2)")).count();
    assert_eq!(up, 5, "{scaled}");
    assert_eq!(app.controllers().await, [("v2-web".to_owned(), 5)]);

    let configured = repository.deis(&["config:set", "POWERED_BY=Kubernetes"]).await.succeeded();
    let title = format!("=== {} Config", app.name);
    drop(configured.has_lines(&[&title, "POWERED_BY      Kubernetes"]));
    assert_eq!(app.controllers().await, [("v3-web".to_owned(), 5)]);
    assert_eq!(app.get().await, (200, "Powered by Kubernetes\n".to_owned()));

    // Slide 4: releases and rollback.
    let sha = repository.git(&["rev-parse", "--short=7", "HEAD"]).await.succeeded().stdout.trim().to_owned();
    let user = &developer.name;
    let [v1, v2, v3, v4] = [
        format!("{user} created initial release"),
        format!("{user} deployed {sha}"),
        format!("{user} added POWERED_BY"),
        format!("{user} rolled back to v2"),
    ];
    assert_eq!(app.releases(&repository).await, [("v3", &v3), ("v2", &v2), ("v1", &v1)].map(owned));
    let rolled_back = repository.deis(&["rollback"]).await.succeeded();
    assert_eq!(rolled_back.stdout.trim_end(), "Rolling back one release... done, v4");
    assert_eq!(app.releases(&repository).await, [("v4", &v4), ("v3", &v3), ("v2", &v2), ("v1", &v1)].map(owned));
    assert_eq!(app.controllers().await, [("v4-web".to_owned(), 5)]);
    assert_eq!(app.get().await, (200, "Powered by Deis\n".to_owned()));
}

/// Slides 18 to 22: the old controller goes down one pod as the new one comes up, and the Service serves both.
#[tokio::test]
async fn one_pod_comes_as_one_goes() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "roller").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["config:set", "DEIS_DEPLOY_BATCHES=1"]).await.succeeded());
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());

    let history = app.record_controllers();
    let backends = app.record_backends();
    drop(repository.deis(&["config:set", "POWERED_BY=Kubernetes"]).await.succeeded());
    let history = history.stop().await;
    let backends = backends.stop().await;

    // What the ReplicationControllers were asked for, old and new, whenever it changed.
    assert_eq!(history, [(2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], "(replicas of v3, replicas of v4)");
    assert!(backends.iter().any(|ready| ready.old > 0 && ready.new > 0), "both were served: {backends:?}");
    assert!(backends.iter().all(|ready| ready.old + ready.new >= 2), "never fewer than asked for: {backends:?}");
    assert_eq!(app.controllers().await, [("v4-web".to_owned(), 2)]);
}

/// Slides 23 to 25: a pod that is taken out of its controller is replaced, and goes on being served.
#[tokio::test]
async fn a_canary_is_served_and_replaced() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "canary").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());

    let canary = app.pods().await.swap_remove(0).name_any();
    app.relabel(&canary, "version", "canary").await;
    let pods =
        app.eventually_pods("the canary is replaced", |pods| pods.iter().filter(|pod| is_ready(pod)).count() == 3);
    let pods = pods.await;
    let released = pods.iter().filter(|pod| pod.labels().get("version").is_some_and(|version| version == "v2")).count();
    assert_eq!(released, 2);
    assert!(ready_backends(&platform, &app.name).await.contains(&canary), "the canary is served");
    let shown = repository.deis(&["ps"]).await.succeeded();
    assert!(shown.stdout.contains(&canary), "{shown}");

    // A deploy neither counts nor removes it.
    drop(repository.deis(&["config:set", "POWERED_BY=Kubernetes"]).await.succeeded());
    assert_eq!(app.controllers().await, [("v3-web".to_owned(), 2)]);
    assert!(ready_backends(&platform, &app.name).await.contains(&canary), "the canary is still served");
}

/// A release that does not start never replaces one that serves.
#[tokio::test]
async fn a_failing_release_leaves_the_old_one_serving() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "failing").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());

    std::fs::write(repository.path().join("Procfile"), "web: echo out of cheese; exit 3\n").unwrap();
    repository.commit("Break it").await;
    let refused = repository.git(&["push", "deis", "master"]).await.failed(1);
    assert!(refused.text().contains("process-exited"), "{refused}");
    assert!(refused.text().contains("out of cheese"), "the last lines of the process are shown: {refused}");

    assert_eq!(app.controllers().await, [("v2-web".to_owned(), 2)]);
    app.eventually_pods("only pods of the old release are left", |pods| {
        pods.len() == 2
            && pods.iter().all(|pod| is_ready(pod) && pod.labels().get("version").is_some_and(|v| v == "v2"))
    })
    .await;
    assert_eq!(app.get().await.0, 200);
    let releases = app.releases(&repository).await;
    assert!(releases.iter().any(|(version, summary)| version == "v3" && summary.contains("failed")), "{releases:?}");
    assert!(platform.names::<ReplicationController>(&app.name).await.iter().all(|name| !name.contains("-v3-")));
}

fn owned((version, summary): (&str, &String)) -> (String, String) {
    (version.to_owned(), summary.clone())
}
