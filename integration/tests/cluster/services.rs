//! A process type that has paths of its app at the routers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deis_kube::objects::Drain;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::api::ListParams;

use crate::support::{App, Developer, Load, Platform, Recording, record};

/// Requests a second.
const RATE: u32 = 100;
/// Both routers have answered in a row of so many, over a connection each.
const IN_A_ROW: usize = 10;
/// How long the way to a pod may take to change.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn paths_of_an_app_go_to_another_process_type() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "pathfinder").await;
    let repository = developer.repository("go").await;
    let procfile = "web: go-example\napi: POWERED_BY=Api go-example\n";
    std::fs::write(repository.path().join("Procfile"), procfile).unwrap();
    drop(repository.commit("Another process type").await);
    let app = repository.pushed_app().await;
    drop(repository.deis(&["scale", "api=1"]).await.succeeded());
    let door = Door { platform: &platform, app: &app };
    assert_eq!(door.said("/api/users").await, "Powered by Deis\n");

    drop(repository.deis(&["services:add", "--type=api", "--route=/api/,/v[0-9]+/"]).await.succeeded());
    door.until("/api/users", "Powered by Api\n").await;
    for (path, said) in [("/v2/users", "Api"), ("/", "Deis"), ("/apis", "Deis"), ("/other/api/", "Deis")] {
        assert_eq!(door.said(path).await, format!("Powered by {said}\n"), "{path}");
    }
    let listed = repository.deis(&["services"]).await.succeeded();
    assert!(listed.stdout.contains("/api/,/v[0-9]+/"), "{listed}");

    // The next release's processes have them too.
    drop(repository.deis(&["config:set", "POWERED_BY=Everybody"]).await.succeeded());
    app.was_configured("POWERED_BY", "Everybody");
    door.until("/api/users", "Powered by Api\n").await;
    assert_eq!(door.said("/").await, "Powered by Everybody\n");

    drop(repository.deis(&["services:remove", "api"]).await.succeeded());
    door.until("/api/users", "Powered by Everybody\n").await;
    drop(repository.deis(&["scale", "api=0"]).await.succeeded());
}

/// A release, and then fewer processes, while a path of theirs is asked.
#[tokio::test]
async fn pods_that_have_paths_leave_without_costing_a_request() {
    let platform = Platform::connect().await;
    let developer = Developer::register(&platform, "pathroller").await;
    let (repository, _commit) = developer.program(include_str!("support/load/app.go")).await;
    std::fs::write(repository.path().join("Procfile"), "web: go-example\napi: go-example\n").unwrap();
    drop(repository.commit("Another process type").await);
    let app = repository.pushed_app().await;
    drop(repository.deis(&["scale", "api=3"]).await.succeeded());
    drop(repository.deis(&["services:add", "--type=api", "--route=/api/"]).await.succeeded());
    // From their next release on they go on for a moment before they end.
    drop(repository.deis(&["config:set", "NUMBER=first"]).await.succeeded());

    let told = leaving(&platform, &app);
    let load = Load::below("/api/", &app, &platform, RATE).await;
    let first = pods_of_api(&platform, &app).await;
    drop(repository.deis(&["config:set", "NUMBER=second"]).await.succeeded());
    app.was_configured("NUMBER", "second");
    let second = pods_of_api(&platform, &app).await;
    drop(repository.deis(&["scale", "api=1"]).await.succeeded());
    let third = pods_of_api(&platform, &app).await;
    let report = load.ended().await;
    println!("{report}");
    report.all_answered();

    let told = told.stop().await.into_iter().flatten().collect::<BTreeSet<_>>();
    let gone = first.union(&second).filter(|uid| !third.contains(*uid)).cloned().collect::<BTreeSet<_>>();
    assert_eq!((first.len(), second.len(), third.len(), gone.len()), (3, 3, 1, 5), "{first:?}, {second:?}, {third:?}");
    assert!(gone.is_subset(&told), "no router was told of {:?}", gone.difference(&told));
    drop(repository.deis(&["services:remove", "api"]).await.succeeded());
    drop(repository.deis(&["scale", "api=0"]).await.succeeded());
    platform.agree().await;
}

/// Follows what the app's Service says of pods that are about to go.
fn leaving(platform: &Platform, app: &App<'_>) -> Recording<BTreeSet<String>> {
    let name = app.name.clone();
    record(platform.objects(&app.name), move |services: &[Service]| {
        let service = services.iter().find(|service| service.name_any() == name)?;
        Some(Drain::of(&service.metadata).leaving)
    })
}

/// The uids of the pods of api that are not leaving.
async fn pods_of_api(platform: &Platform, app: &App<'_>) -> BTreeSet<String> {
    let of_api = ListParams::default().labels("heritage=deis,type=api");
    let pods = platform.objects::<Pod>(&app.name).list(&of_api).await.unwrap().items.into_iter();
    pods.filter(|pod| pod.metadata.deletion_timestamp.is_none()).filter_map(|pod| pod.uid()).collect()
}

struct Door<'a> {
    platform: &'a Platform,
    app: &'a App<'a>,
}

impl Door<'_> {
    /// What is answered at a path, over a connection of its own.
    async fn said(&self, path: &str) -> String {
        let answer = reqwest::get(format!("http://{}.{}{path}", self.app.name, self.platform.domain)).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Asks until both routers say it.
    #[expect(clippy::print_stdout, reason = "a figure for whoever asks for it")]
    async fn until(&self, path: &str, wanted: &str) {
        let (start, mut in_a_row) = (Instant::now(), 0);
        while in_a_row < IN_A_ROW {
            let said = self.said(path).await;
            in_a_row = if said == wanted { in_a_row + 1 } else { 0 };
            assert!(start.elapsed() < LIMIT, "{path} is answered with {said}");
        }
        println!("{path}: {} after {:.3} s", wanted.trim(), start.elapsed().as_secs_f64());
    }
}
