//! `kubectl delete pod --force` of every part, data stores included, while a build pod runs, while a release is between its first and
//! its last batch, and when a deploy has finished: what the ledger says, what the ReplicationControllers are and what HTTP answers
//! agree afterwards, nothing that was acknowledged is missing, and the next push works.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};

use crate::support::{Developer, PARTS, Platform, Repository, eventually, recovered};

/// What `make test` takes: those that hold what nobody else has, or whom a push leans on. With `DEIS_DELETES=all`, as in `make soak`,
/// each part is taken.
const SAMPLE: [&str; 4] = ["deis-workflow", "deis-state", "deis-etcd", "deis-database"];

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "survivor").await;
    let (rolled, rolled_app) = developer.pushed_app("go").await;
    drop(rolled.deis(&["config:set", "DEIS_DEPLOY_BATCHES=1"]).await.succeeded());
    drop(rolled.deis(&["scale", "web=2"]).await.succeeded());
    let (pushed, pushed_app) = developer.pushed_app("go").await;

    let is_all = std::env::var("DEIS_DELETES").is_ok_and(|deletes| deletes == "all");
    let parts = PARTS.into_iter().filter(|part| is_all || SAMPLE.contains(part));
    for (round, part) in parts.enumerate() {
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

async fn head(repository: &Repository<'_>) -> String {
    repository.git(&["rev-parse", "HEAD"]).await.succeeded().stdout.trim().to_owned()
}
