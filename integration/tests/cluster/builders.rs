//! Builders come and go while people push.

use std::cell::Cell;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams};

use crate::operator::{deisctl, output};
use crate::support::{App, Developer, Platform, Repository, eventually, is_ready};

const BUILDERS: &str = "app=deis-builder";

/// No push is refused, and none is cut: who is to go ends those that it has.
#[tokio::test]
async fn a_rollout_of_the_builders_costs_no_push() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "constant").await;
    let (one, other) = tokio::join!(developer.pushed_app("go"), developer.pushed_app("go"));
    let before = builders(&platform).await;
    let is_over = Cell::new(false);
    let rollout = async {
        drop(output(&deisctl(), &["rolling-restart", "builder"]).await);
        is_over.set(true);
    };
    // Until one more has gone to the new builders alone.
    let pushes = async |(repository, app): &(Repository<'_>, App<'_>)| {
        let mut pushed = 0;
        loop {
            let last = is_over.get();
            push(repository, &format!("{}-{pushed}", app.name)).await;
            pushed += 1;
            if last {
                return pushed;
            }
        }
    };
    let ((), first, second) = tokio::join!(rollout, pushes(&one), pushes(&other));
    println!("{first} and {second} pushes during a rollout of the builders");
    let after =
        eventually("the old builders have ended", &platform.own::<Pod>(), BUILDERS, |pods| pods.len() == 2).await;
    assert!(after.iter().all(|pod| is_ready(pod) && !before.contains(&pod.name_any())));
}

/// A builder is killed in the midst of a push, and nobody waits for its successor.
#[tokio::test]
async fn a_push_goes_on_with_the_other_builder() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "stubborn").await;
    let (repository, app) = developer.pushed_app("go").await;
    change(&repository, "cut").await;
    let mut push = repository.following_push();
    push.until("-----> Go app detected").await;
    let builds = platform.objects::<Pod>(&app.name);
    let build = eventually("the build has its pod", &builds, "type=build", |pods| pods.len() == 1).await.remove(0);
    let holder = build.labels()["deis.io/builder"].clone();
    let builder = builders(&platform).await.into_iter().find(|name| holder.starts_with(name)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
    platform.own::<Pod>().delete(&builder, &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(!push.ended().await.success());
    let again = repository.git(&["push", "deis", "master"]).await.succeeded();
    println!("{}", again.text());
    assert!(again.text().contains("deployed to Deis"), "{again}");
    eventually("nothing builds", &builds, "type=build", <[_]>::is_empty).await;
}

async fn builders(platform: &Platform) -> Vec<String> {
    let pods = platform.own::<Pod>().list(&ListParams::default().labels(BUILDERS)).await.unwrap();
    pods.iter().map(ResourceExt::name_any).collect()
}

async fn change(repository: &Repository<'_>, text: &str) {
    std::fs::write(repository.path().join("change.txt"), text).unwrap();
    drop(repository.commit(text).await);
}

async fn push(repository: &Repository<'_>, text: &str) {
    change(repository, text).await;
    drop(repository.git(&["push", "deis", "master"]).await.succeeded());
}
