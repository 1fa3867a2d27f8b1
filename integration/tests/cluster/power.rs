//! The power fails: all processes of the node end at once, Kubernetes and etcd included, at ten moments of a push. The node starts
//! again by itself with what is on its disk, nothing that was acknowledged is missing, and the same push works.
//!
//! `make test` takes one moment; with `DEIS_POWER=all`, as in `make soak`, each is taken. What the kernel had not written to the disk
//! is not lost as it would be on a machine without power.

use crate::support::{Developer, Platform, node, recovered};

/// What the one who pushes has just read when it happens: a part of a line.
const MOMENTS: [&str; 10] = [
    "Starting build...",
    "-----> Go app detected",
    "Reusing the build cache",
    "Using go",
    "Running: go build",
    "-----> Saving cache",
    "-----> Compiled slug size is",
    "Build complete.",
    "Launching App...",
    "pods ready",
];

/// The moment of `make test`: the image is there and the release is not.
const SAMPLE: &str = "Launching App...";

#[tokio::test]
async fn a_power_failure_loses_nothing_acknowledged() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "careful").await;
    let (repository, app) = developer.pushed_app("go").await;
    drop(repository.deis(&["config:set", "KEPT=yes"]).await.succeeded());
    app.was_configured("KEPT", "yes");

    let is_all = std::env::var("DEIS_POWER").is_ok_and(|power| power == "all");
    let mut taken = 0;
    for moment in MOMENTS.into_iter().filter(|moment| is_all || *moment == SAMPLE) {
        let commit = repository.commit(&format!("Before {moment}")).await;
        let mut push = repository.following_push();
        push.until(moment).await;
        drop(node(&["down", "--kill"]).await);
        let is_done = push.ended().await.success();
        app.was_pushed(&commit, is_done);
        drop(node(&["up"]).await);
        recovered(&platform).await;
        platform.agree().await;

        let commit = repository.commit(&format!("After {moment}")).await;
        drop(repository.git(&["push", "deis", "master"]).await.succeeded());
        app.was_pushed(&commit, true);
        platform.agree().await;
        println!("{moment}: {}", if is_done { "acknowledged" } else { "not acknowledged" });
        taken += 1;
    }
    println!("{taken} power failures");
}
