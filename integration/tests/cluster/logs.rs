//! What `deis logs` shows of an app: from its processes' output on the node to the developer's terminal.
#![expect(clippy::indexing_slicing, reason = "a JSON value is indexed safely")]

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{App, Developer, Platform, Repository, ask, eventually, is_ready};

/// Slide 5, with what happened to the app in between, in the order of the contract.
#[tokio::test]
async fn the_log_tells_an_apps_story() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "reader").await;
    let (repository, app) = developer.pushed_app("go").await;
    assert_eq!(app.get().await.0, 200);
    drop(repository.follow_logs(&[]).until("GET /").await);

    let (name, user) = (&app.name, &developer.name);
    let sha = repository.git(&["rev-parse", "--short=7", "HEAD"]).await.succeeded().stdout.trim().to_owned();
    let story = repository.deis(&["logs", "--lines=1000"]).await.succeeded().stdout;
    let pod = app.pods().await.swap_remove(0).name_any();
    let wanted = [
        (format!("deis[controller] -- config {name}-"), " updated"),
        (format!("deis[controller] -- {user} created initial release"), ""),
        (format!("deis[controller] -- appsettings {name}-"), " updated"),
        (format!("deis[controller] -- domain {name} added"), ""),
        (format!("deis[controller] -- build {name}-"), " created"),
        (format!("deis[controller] -- {user} deployed {sha}"), ""),
        (format!("{pod} -- "), " GET /"),
    ];
    let mut lines = story.lines();
    for (begin, end) in &wanted {
        let found = lines.any(|line| line.starts_with(begin) && line.ends_with(end));
        assert!(found, "no line {begin:?} … {end:?} (in this order) in\n{story}");
    }

    // Whoever follows sees what comes.
    let mut following = repository.follow_logs(&["-n", "1"]);
    drop(following.next().await);
    assert_eq!(ask(&format!("http://{name}.{}/fresh", platform.domain)).await.0, Some(200));
    let fresh = following.until("GET /fresh").await;
    assert!(fresh.last().unwrap().starts_with(&format!("{pod} -- ")), "{fresh:?}");
    drop(repository.deis(&["scale", "web=2"]).await.succeeded());
    drop(following.until(&format!("deis[controller] -- {user} scaled pods web=2")).await);

    // Parts of it.
    assert_eq!(repository.deis(&["logs", "-n", "2"]).await.succeeded().stdout.lines().count(), 2);
    let web = repository.deis(&["logs", "--process", "web"]).await.succeeded().stdout;
    assert!(web.lines().all(|line| line.starts_with(&format!("{name}-v2-web-"))), "{web}");
    let nobody = repository.deis(&["logs", "--process", "nobody"]).await.failed(1);
    assert!(nobody.stderr.contains("There are currently no log messages."), "{nobody}");
    let stranger = Developer::register(&platform, "stranger").await;
    drop(stranger.deis(&["logs", "--app", name]).await.failed(1));
}

/// Without the logger apps run and are changed as ever, and what their pods have printed can still be read.
#[tokio::test]
async fn without_the_logger_the_pods_speak_for_themselves() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "lonely").await;
    let (repository, app) = developer.pushed_app("go").await;

    scale_logger(&platform, 0).await;
    let answer = app.get().await;
    let logs = repository.deis(&["logs"]).await;
    let scaled = repository.deis(&["scale", "web=2"]).await;
    // Back before anything is judged: the next test needs it.
    scale_logger(&platform, 1).await;

    assert_eq!(answer.0, 200);
    drop(scaled.succeeded());
    let logs = logs.succeeded().stdout;
    let first = logs.lines().next().unwrap();
    assert!(first.starts_with("deis[logger] -- the log store cannot be reached ("), "{logs}");
    assert!(first.contains("): these lines come from the pods themselves"), "{logs}");
    assert!(logs.lines().any(|line| line.starts_with(&format!("{}-v2-web-", app.name)) && line.ends_with("GET /")));

    // What happened meanwhile is told as soon as somebody listens, or that it is missing.
    let mut following = repository.follow_logs(&["-n", "1000"]);
    let mut next = following.next().await;
    while !next.contains("scaled pods web=2") && !next.contains("events are missing") {
        next = following.next().await;
    }
}

async fn scale_logger(platform: &Platform, replicas: usize) {
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
    let patched = platform.own::<Deployment>().patch("deis-logger", &PatchParams::default(), &patch).await;
    patched.unwrap();
    eventually("the logger is scaled", &platform.own::<Pod>(), "app=deis-logger", |pods| {
        pods.len() == replicas && pods.iter().all(is_ready)
    })
    .await;
}

const LINES: usize = 200_000;

/// Every line that was written is delivered once, or counted as missing, though the agent dies three times meanwhile.
#[tokio::test]
async fn no_line_is_lost_unsaid_and_none_comes_twice() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "printer").await;
    let repository = developer.repository("go").await;
    // A thousand lines at a time, so that it goes on while the agent dies and comes back.
    let printer = "printer: i=0; while [ $i -lt 200 ]; do seq $((i*1000+1)) $((i*1000+1000)); i=$((i+1)); sleep 0.1; done; \
                   exec sleep infinity\n";
    std::fs::write(repository.path().join("Procfile"), format!("web: go-example\n{printer}")).unwrap();
    repository.commit("Print").await;
    let created = repository.deis(&["create"]).await.succeeded();
    let app = App::named_in(&platform, &created.stdout);
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());

    let mut following = repository.follow_logs(&["--output=json"]);
    drop(following.next().await);
    let scaling = repository.deis(&["scale", "printer=1"]);
    let (scaled, ()) = tokio::join!(scaling, count(&platform, &app, &mut following));
    drop(scaled.succeeded());
    assert_read_again(&repository).await;
}

async fn count(platform: &Platform, app: &App<'_>, following: &mut crate::support::Following) {
    let (mut delivered, mut missing, mut kills) = (BTreeSet::new(), 0, 0);
    let printer = format!("{}-v2-printer-", app.name);
    while delivered.len() + missing < LINES {
        let entry: Value = serde_json::from_str(&following.next().await).unwrap();
        match entry["kind"].as_str() {
            Some("line") if entry["pod"].as_str().unwrap().starts_with(&printer) => {
                let number = entry["text"].as_str().unwrap().parse::<usize>().unwrap();
                assert!((1..=LINES).contains(&number), "{entry}");
                assert!(delivered.insert(number), "{number} came twice");
            }
            Some("dropped") => missing += usize::try_from(entry["lines"].as_u64().unwrap()).unwrap(),
            _ => {}
        }
        if kills < 3 && delivered.len() + missing > (kills + 1) * LINES / 4 {
            kill_agents(platform).await;
            kills += 1;
        }
    }
    assert_eq!(kills, 3);
    assert_eq!(delivered.len() + missing, LINES, "{missing} are said to be missing");
}

async fn kill_agents(platform: &Platform) {
    let pods = platform.own::<Pod>();
    let at_once = DeleteParams::default().grace_period(0);
    for pod in pods.list(&ListParams::default().labels("app=deis-logger-agent")).await.unwrap() {
        #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
        pods.delete(&pod.name_any(), &at_once).await.unwrap();
    }
}

/// What is kept is the end of it, in order.
async fn assert_read_again(repository: &Repository<'_>) {
    let kept = repository.deis(&["logs", "--process=printer", "-n", "1000"]).await.succeeded().stdout;
    let numbers = kept.lines().filter_map(|line| line.rsplit(" -- ").next()?.parse::<usize>().ok()).collect::<Vec<_>>();
    assert_eq!(numbers, (LINES - 999..=LINES).collect::<Vec<_>>());
}
