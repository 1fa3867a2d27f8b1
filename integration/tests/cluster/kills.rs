//! Processes that die at named points, as by `kill -9`: at both sides of every effect of a push and of a deploy, while two
//! controllers run. Whatever was acknowledged is there afterwards, and everybody agrees.
//!
//! `make test` takes a fixed sample; with `DEIS_KILLS=all`, as in `make soak`, each point is taken, and with other words those whose
//! names begin with one of them: `DEIS_KILLS=push,deploy.tidy`.

mod failing;
mod wish;

use self::failing::Failing;
use self::wish::Wish;
use crate::support::{Developer, Platform, until_answers};

/// An effect with a failpoint before and one after it, and what has the platform come there.
type Effect = (&'static str, Wish);

/// Of the controller: all that its process names, but for two. `deploy.replace` and `deploy.spare` want pods that are not ready at the
/// moment of a restart; the test `failpoints` at the controller's edge holds them.
const DEPLOY_ROAD: &[Effect] = &[
    ("ledger.release", Wish::Push),
    ("deploy.begin", Wish::Push),
    ("deploy.certify", Wish::Certify),
    ("deploy.prepare", Wish::Push),
    ("deploy.start-phase", Wish::Push),
    ("deploy.end-phase", Wish::Push),
    ("deploy.create", Wish::Configure),
    ("deploy.drain", Wish::Configure),
    ("deploy.resize", Wish::Scale),
    ("deploy.delete", Wish::Configure),
    ("deploy.tidy", Wish::Configure),
    ("deploy.succeed", Wish::Configure),
    ("deploy.settle", Wish::Scale),
    ("deploy.unprotect", Wish::Rest),
    ("deploy.protect", Wish::Rest),
    ("deploy.entrust", Wish::Autoscale),
    ("deploy.hand-over", Wish::Autoscale),
    ("deploy.take-back", Wish::Autoscale),
    ("deploy.hold", Wish::Autoscale),
    ("run.start", Wish::Run),
    ("run.remove", Wish::Run),
    ("deploy.fail", Wish::BreakDown),
    ("deploy.demolish", Wish::Destroy),
    ("deploy.let-go", Wish::Destroy),
    ("deploy.forget", Wish::Destroy),
];

/// Of the builder: all that its process names.
const PUSH_ROAD: &[Effect] = &[
    ("push.acquire-lock", Wish::Push),
    ("push.make-repository", Wish::Push),
    ("push.start-pod", Wish::Push),
    ("push.store-image", Wish::Push),
    ("push.save-cache", Wish::Push),
    ("push.remove-pod", Wish::Push),
    ("push.create-build", Wish::Push),
    ("push.deploy", Wish::Push),
    ("push.set-head", Wish::Push),
    ("push.move-ref", Wish::Push),
    ("push.release-lock", Wish::Push),
    ("push.record-failure", Wish::BadBuild),
];

/// What `make test` takes.
const SAMPLE: &[&str] = &[
    "push.create-build.before",
    "push.create-build.after",
    "push.move-ref.before",
    "ledger.release.after",
    "deploy.create.before",
    "deploy.resize.after",
    "deploy.forget.before",
];

#[tokio::test]
async fn whoever_dies_at_a_failpoint_leaves_nothing_half_done() {
    let platform = Platform::connect_alone().await;
    let failing = Failing::install(&platform).await;
    let developer = Developer::register(&platform, "mortal").await;
    let chosen = std::env::var("DEIS_KILLS").unwrap_or_else(|_absent| SAMPLE.join(","));
    let is_taken = |point: &str| chosen == "all" || chosen.split(',').any(|word| point.starts_with(word));

    let mut kept = None;
    let mut taken = 0;
    for (service, road) in [("builder", PUSH_ROAD), ("workflow", DEPLOY_ROAD)] {
        let known = failing.names(service).await;
        for (effect, wish) in road {
            for side in ["before", "after"] {
                let point = format!("{effect}.{side}");
                assert!(known.contains(&point), "{service} has no failpoint {point}");
                if !is_taken(&point) {
                    continue;
                }
                let (repository, app) = match kept.take() {
                    Some(pushed) => pushed,
                    None => developer.pushed_app("go").await,
                };
                failing.arm(service, &point).await;
                let (told, ()) = tokio::join!(wish.wish(&repository, &app, taken), failing.until_dead(service, &point));
                failing.mend(service).await;
                until_answers(&format!("http://deis.{}/readiness", platform.domain), 200).await;
                platform.agree().await;
                println!("{point}: {wish:?} {told}");
                taken += 1;
                // The lock of a push outlives its builder for a while: the next round takes another app.
                kept = (service == "workflow" && *wish != Wish::Destroy).then_some((repository, app));
            }
        }
    }
    println!("{taken} failpoints taken");
    failing.remove().await;
}
