//! `kubectl delete pod --force` of every part, data stores included, while a build pod runs, while a release is between its first and
//! its last batch, and when a deploy has finished: what the ledger says, what the ReplicationControllers are and what HTTP answers
//! agree afterwards, nothing that was acknowledged is missing, and the next push works.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};

use crate::support::{Developer, Platform, Repository, eventually, is_ready, until_answers};

const PARTS: [&str; 11] = [
    "deis-router",
    "deis-workflow",
    "deis-builder",
    "deis-registry",
    "deis-registry-proxy",
    "deis-state",
    "deis-etcd",
    "deis-database",
    "deis-logger",
    "deis-logger-agent",
    "deis-logger-redis",
];

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "survivor").await;
    let (rolled, rolled_app) = developer.pushed_app("go").await;
    drop(rolled.deis(&["config:set", "DEIS_DEPLOY_BATCHES=1"]).await.succeeded());
    drop(rolled.deis(&["scale", "web=2"]).await.succeeded());
    let (pushed, pushed_app) = developer.pushed_app("go").await;

    for (round, part) in PARTS.into_iter().enumerate() {
        // One app is being built and another is being rolled when the part dies.
        pushed.commit(&format!("Change {round}")).await;
        let push = pushed.git(&["push", "deis", "master"]);
        let key = format!("ROUND_{round}");
        let marker = format!("{key}=done");
        let arguments = ["config:set", &marker];
        let roll = rolled.deis(&arguments);
        let strike = async {
            let pods = platform.objects::<Pod>(&pushed_app.name);
            let build = eventually("a build pod runs", &pods, "type=build", |pods| {
                pods.iter().any(|pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running"))
            });
            let (_build_pods, ()) = tokio::join!(build, rolled_app.between_batches());
            kill(&platform, part).await;
        };
        let (push, roll, ()) = tokio::join!(push, roll, strike);
        pushed_app.was_pushed(&head(&pushed).await, push.status.success());
        if roll.status.success() {
            rolled_app.was_configured(&key, "done");
        }
        drop((push, roll));
        recovered(&platform).await;
        platform.agree().await;

        // And once more with nothing going on; then everything still works.
        kill(&platform, part).await;
        recovered(&platform).await;
        platform.agree().await;
        let commit = pushed.commit(&format!("After {part}")).await;
        drop(pushed.git(&["push", "deis", "master"]).await.succeeded());
        pushed_app.was_pushed(&commit, true);
        platform.agree().await;
    }
}

/// Deletes the pods of a part at once, without their leave.
async fn kill(platform: &Platform, part: &str) {
    let pods = platform.own::<Pod>();
    for pod in pods.list(&ListParams::default().labels(&format!("app={part}"))).await.unwrap() {
        let at_once = DeleteParams::default().grace_period(0);
        #[expect(clippy::disallowed_methods, reason = "what somebody does by hand")]
        pods.delete(&pod.name_any(), &at_once).await.unwrap();
    }
}

/// Waits until every part has its pods back and the API reaches its store and is reached through the routers.
async fn recovered(platform: &Platform) {
    for part in PARTS {
        let what = format!("{part} is back");
        eventually(&what, &platform.own::<Pod>(), &format!("app={part}"), |pods| {
            !pods.is_empty() && pods.iter().all(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
        })
        .await;
    }
    until_answers(&format!("http://deis.{}/readiness", platform.domain), 200).await;
}

async fn head(repository: &Repository<'_>) -> String {
    repository.git(&["rev-parse", "HEAD"]).await.succeeded().stdout.trim().to_owned()
}
