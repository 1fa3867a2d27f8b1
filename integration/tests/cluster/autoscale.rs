//! An app that has as many pods as its load needs: Kubernetes counts them, from what metrics-server says, and deploys keep what it has
//! counted.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;

use crate::support::{App, Developer, Platform};

/// An app that keeps a processor busy when BURN says so.
const PROGRAM: &str = r#"package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if os.Getenv("BURN") == "yes" {
		go func() {
			for {
			}
		}()
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "well") })
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}
"#;

#[tokio::test]
async fn an_app_grows_with_its_load_and_stays_so_through_a_deploy() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "growing").await;
    let (repository, commit) = developer.program(PROGRAM).await;
    let app = repository.pushed_app().await;
    app.was_pushed(&commit, true);
    // So little that the machine does not mind.
    drop(repository.deis(&["limits:set", "--cpu", "web=50m/100m"]).await.succeeded());

    let rule = ["autoscale:set", "web", "--min=1", "--max=3", "--cpu-percent=50"];
    drop(repository.deis(&rule).await.succeeded());
    assert_eq!(scaled(&platform, &app).await, [format!("{}-v3-web: 1 to 3 at 50 %", app.name)]);
    let shown = repository.deis(&["autoscale:list"]).await.succeeded();
    drop(shown.has_lines(&["--- web:", "Min Replicas: 1", "Max Replicas: 3", "CPU: 50%"]));

    drop(repository.deis(&["config:set", "BURN=yes"]).await.succeeded());
    app.was_configured("BURN", "yes");
    app.eventually_controllers("it has grown", |controllers| controllers == [("v4-web".to_owned(), 3)]).await;

    let backends = app.record_backends();
    drop(repository.deis(&["config:set", "CHANGED=yes"]).await.succeeded());
    app.was_configured("CHANGED", "yes");
    assert_eq!(app.controllers().await, [("v5-web".to_owned(), 3)], "a deploy keeps what there was");
    let backends = backends.stop().await;
    assert!(backends.iter().any(|ready| ready.old > 0 && ready.new > 0), "{backends:?}");
    let mut full = backends.iter().skip_while(|ready| ready.old + ready.new < 3);
    assert!(full.all(|ready| ready.old + ready.new >= 3), "never fewer than there were: {backends:?}");
    assert_eq!(scaled(&platform, &app).await, [format!("{}-v5-web: 1 to 3 at 50 %", app.name)]);

    drop(repository.deis(&["config:set", "BURN=no"]).await.succeeded());
    app.was_configured("BURN", "no");
    app.eventually_controllers("it has shrunk", |controllers| controllers == [("v6-web".to_owned(), 1)]).await;

    // To nothing and back.
    drop(repository.deis(&["scale", "web=0"]).await.succeeded());
    assert_eq!(scaled(&platform, &app).await, <[String; 0]>::default());
    assert_eq!(app.controllers().await, [("v6-web".to_owned(), 0)]);
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    assert_eq!(scaled(&platform, &app).await, [format!("{}-v6-web: 1 to 3 at 50 %", app.name)]);

    drop(repository.deis(&["autoscale:unset", "web"]).await.succeeded());
    assert_eq!(scaled(&platform, &app).await, <[String; 0]>::default());
    drop(repository.deis(&["scale", "web=1"]).await.succeeded());
    app.was_scaled(1, true);
}

/// The controllers that autoscalers scale now, with their rules: what a command has asked for is there when it ends.
async fn scaled(platform: &Platform, app: &App<'_>) -> Vec<String> {
    let autoscalers = platform.objects::<HorizontalPodAutoscaler>(&app.name);
    let autoscalers = autoscalers.list(&Default::default()).await.unwrap().items;
    let shown = |autoscaler: HorizontalPodAutoscaler| {
        let spec = autoscaler.spec.unwrap();
        let target = spec.scale_target_ref;
        assert_eq!(target.kind, "ReplicationController");
        let metric = spec.metrics.unwrap().swap_remove(0).resource.unwrap();
        let percent = metric.target.average_utilization.unwrap();
        format!("{}: {} to {} at {percent} %", target.name, spec.min_replicas.unwrap(), spec.max_replicas)
    };
    autoscalers.into_iter().map(shown).collect()
}
