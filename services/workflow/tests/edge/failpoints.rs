//! A controller that dies at every failpoint that it comes to, each time it comes there, and another one that goes on.

#[path = "../../src/bin/workflow-failpoints/faulty.rs"]
mod faulty;
#[path = "../../src/bin/workflow-failpoints/faulty_runs.rs"]
mod faulty_runs;
#[path = "../../src/bin/workflow-failpoints/names.rs"]
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deis_api::{AppName, ProcType};
use deis_bootstrap::Context;
use deis_failpoints::Failpoints;
use deis_proto::workflow::CreateBuildRequest;
use deis_proto::workflow::push_service_server::PushService as _;
use deis_workflow::apps::{self, Selection};
use deis_workflow::certificates::{Place, attach};
use deis_workflow::deploy::PodList as _;
use deis_workflow::ledger::{ReleaseState, RequestKey, Window};
use deis_workflow::runs::{Attendance, Request};
use deis_workflow::server::Workflow;
use deis_workflow::server::grpc::Push;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::json;

use self::faulty::Faults;
use self::names::NAMES;
use super::certificates;
use super::cluster::CRASHING;
use super::push::{build, deploy, events, image};
use super::sandbox::Sandbox;

/// What a controller is asked to do when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// A push with a release command.
    Push,
    /// A push to an app whose autoscaler has made four of its two pods.
    PushAutoscaled,
    /// A push whose process ends at once.
    BadPush,
    Scale,
    /// A scale to nothing,
    Stop,
    /// and back.
    Start,
    /// A restart of pods that are not ready.
    Restart,
    /// A restart whose new pods end at once.
    BadRestart,
    /// A domain is to be served with another certificate.
    Certify,
    Destroy,
    /// A command that is run once.
    Run,
}

impl Wish {
    const ALL: [Self; 11] = [
        Self::Push,
        Self::PushAutoscaled,
        Self::BadPush,
        Self::Scale,
        Self::Stop,
        Self::Start,
        Self::Restart,
        Self::BadRestart,
        Self::Certify,
        Self::Destroy,
        Self::Run,
    ];

    /// An app that serves with two pods, in the state that the wish needs.
    async fn prepare(self) -> Sandbox {
        let sandbox = Sandbox::start().await;
        let token = sandbox.app("shop").await;
        deploy(&sandbox, "shop", &image("shop", "1")).await;
        let count = if self == Self::Start { 0 } else { 2 };
        let scaled = sandbox.post("/v2/apps/shop/scale/", &token, json!({ "web": count })).await;
        assert_eq!(scaled.status.as_u16(), 204);
        match self {
            Self::Restart => sandbox.cluster.idle(),
            Self::PushAutoscaled => {
                let rule = json!({ "autoscale": { "web": { "min": 2, "max": 8, "cpu_percent": 75 } } });
                let set = sandbox.post("/v2/apps/shop/settings/", &token, rule).await;
                assert_eq!(set.status.as_u16(), 201, "{set:?}");
                sandbox.cluster.autoscale("shop", 4);
            }
            Self::BadRestart => sandbox.cluster.crash_from_now_on(),
            Self::Certify | Self::Destroy => {
                for name in ["old", "new"] {
                    certificates::add(&sandbox, &token, name, &certificates::pair(name)).await;
                }
                let attached = sandbox.post("/v2/certs/old/domain/shop", &token, json!({})).await;
                assert_eq!(attached.status.as_u16(), 201, "{attached:?}");
            }
            _ => {}
        }
        sandbox
    }

    /// The push of this wish, if it is one.
    fn push(self) -> Option<CreateBuildRequest> {
        let digest = match self {
            Self::Push | Self::PushAutoscaled => "2",
            Self::BadPush => CRASHING,
            _ => return None,
        };
        let mut request = build("shop", &image("shop", digest));
        if self == Self::Push {
            request.processes.insert("release".to_owned(), "./migrate".to_owned());
        }
        Some(request)
    }
}

fn shop() -> AppName {
    "shop".parse().unwrap()
}

/// A controller with failpoints. At one that is armed it panics, which ends all its tasks in the middle of what they do.
pub(super) struct Process {
    context: Context,
    workflow: Workflow,
    pub(super) failpoints: Failpoints,
}

impl Process {
    #[expect(clippy::panic, reason = "it stands for the end of the process")]
    pub(super) fn start(sandbox: &Sandbox) -> Self {
        let context = Context::new("workflow");
        let failpoints = Failpoints::with_death(NAMES, || panic!("dead"));
        let workflow = sandbox.process(&context, &Faults(failpoints.clone()));
        Self { context, workflow, failpoints }
    }

    /// Does what is wished, to the end or to its own.
    async fn fulfil(&self, wish: Wish, push: Option<CreateBuildRequest>) {
        let Workflow { ledger, deployer, pods, .. } = &self.workflow;
        let (ledger, app, bob) = (ledger.as_ref(), shop(), "bob".parse().unwrap());
        let work = async {
            match (wish, push) {
                (_, Some(push)) => self.push(push).await,
                (Wish::Scale | Wish::Stop | Wish::Start, _) => {
                    let count = if wish == Wish::Stop { 0 } else { 3 };
                    let counts = BTreeMap::from([(ProcType::web(), count)]);
                    let change = apps::scale(ledger, pods.as_ref(), deployer, &bob, &app, counts).await.unwrap();
                    apps::scaled(ledger, deployer, &app, &change).await.unwrap();
                }
                (Wish::Restart | Wish::BadRestart, _) => {
                    let all = Selection::default();
                    let restart = apps::restart(ledger, pods.as_ref(), deployer, &app, all).await.unwrap();
                    let restarted = apps::restarted(pods.as_ref(), deployer, &app, &restart).await;
                    assert_eq!(restarted.is_ok(), wish == Wish::Restart);
                }
                (Wish::Certify, _) => {
                    let place = |name: &str| Place {
                        certificate: name.parse().unwrap(),
                        app: shop(),
                        domain: "shop".parse().unwrap(),
                    };
                    // Recorded at once, so that it is one wish.
                    assert!(ledger.detach(&place("old").certificate, &app, &place("old").domain).await.unwrap());
                    attach(ledger, deployer, &bob, &place("new")).await.unwrap();
                }
                (Wish::Run, _) => self.run().await,
                (_, None) => {
                    apps::destroy(ledger, &bob, &app).await.unwrap();
                    apps::destroyed(deployer, &app).await.unwrap();
                }
            }
        };
        self.while_alive(work).await;
    }

    /// Runs a command, as a request does: in a task of the process.
    async fn run(&self) {
        let work = self.workflow.clone();
        let limit = Duration::from_secs(60);
        let request =
            Request { command: "exit 3".to_owned(), limit, key: RequestKey::unique(), attendance: Attendance::Nobody };
        let run = async move {
            let bob = "bob".parse().unwrap();
            let app = work.ledger.app(&shop()).await?.unwrap();
            let events = work.deployer.events();
            let started = work.runs.start(work.ledger.as_ref(), events, &bob, &app, request).await?;
            work.runs.ended(&started.one_off).await
        };
        // An error is the process's death.
        if let Ok(ended) = self.workflow.to_the_end("run", run).await {
            assert_eq!(ended.exit_code, 3);
        }
    }

    /// Takes a push, to its end or to its own.
    pub(super) async fn push(&self, push: CreateBuildRequest) {
        let service = Push::new(self.workflow.clone(), self.context.clone());
        self.while_alive(async {
            let events = service.create_build(tonic::Request::new(push)).await.unwrap();
            events.into_inner().for_each(async |_event| {}).await;
        })
        .await;
    }

    async fn while_alive(&self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            () = self.context.shutdown.cancelled() => {}
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        self.context.shutdown.is_cancelled()
    }
}

/// The ledger and the cluster, as far as they are to be the same whether a process died or not.
async fn outcome(sandbox: &Sandbox) -> String {
    let ledger = &sandbox.workflow.ledger;
    let Some(wanted) = ledger.desired(&shop()).await.unwrap() else {
        let left = sandbox.cluster.controllers();
        let left = (left, sandbox.cluster.budgets("shop"), sandbox.cluster.copies("shop").len());
        return format!("gone, left: {left:?}, let go: {}", !sandbox.holder.released().is_empty());
    };
    let releases = ledger.releases(&shop(), Window { limit: 10, offset: 0 }).await.unwrap();
    let releases = releases.items.iter().map(|release| {
        let state = match release.state {
            ReleaseState::Deploying => "deploying",
            ReleaseState::Good => "good",
            ReleaseState::Failed => "failed",
        };
        format!("{} {state}", release.version)
    });
    assert_eq!(sandbox.cluster.draining("shop"), BTreeSet::new(), "what stays is chosen again");
    let pods = sandbox.cluster.pods(&shop());
    let pods = pods.iter().map(|pod| format!("{} {}", pod.release, pod.state)).collect::<Vec<_>>();
    // Both are named by what they hold, which is another thing each time.
    let named = sandbox.cluster.certificates("shop").into_iter().map(|line| line.split(' ').next().unwrap().to_owned());
    let copies = sandbox.cluster.copies("shop");
    let are_right = sandbox.cluster.certificates("shop").iter().all(|line| {
        let digest = line.split(' ').nth(1).unwrap();
        copies.iter().any(|copy| copy.starts_with(digest))
    });
    let certified = (named.collect::<Vec<_>>(), copies.len(), are_right);
    let runs = sandbox.cluster.runs();
    assert_eq!(runs, Vec::<String>::new(), "what has run is taken away");
    format!(
        "releases: {:?}\nwanted: {} {}\ncontrollers: {:?}\nbudgets: {:?}, autoscalers: {:?}\npods: {pods:?}\nrelease commands: {:?}\ncertificates: {certified:?}\nto restart: {:?}\nunsettled: {:?}",
        releases.collect::<Vec<_>>(),
        wanted.release,
        wanted.processes.iter().map(|(kind, count)| format!("{kind}={count}")).collect::<Vec<_>>().join(" "),
        sandbox.cluster.controllers(),
        sandbox.cluster.budgets("shop"),
        sandbox.cluster.autoscalers("shop"),
        sandbox.cluster.phases(),
        wanted.restarting,
        ledger.unsettled().await.unwrap(),
    )
}

/// What follows a controller's death: the builder repeats its request, and a controller that starts looks after all apps.
async fn go_on(sandbox: &Sandbox, push: Option<CreateBuildRequest>) {
    if let Some(push) = push {
        let told = events(sandbox, push).await;
        assert_eq!(told[0], "v3 created", "the first request's release, or the first release: {told:?}");
    }
    // Ten minutes later.
    sandbox.workflow.runs.prune(Timestamp::MAX).await;
    for app in sandbox.workflow.ledger.app_names().await.unwrap() {
        drop(sandbox.workflow.deployer.converge(&app).ended().await);
    }
}

/// A life without a death: how it comes out, and how often each point is passed.
async fn undisturbed(wish: Wish) -> (String, BTreeMap<&'static str, u64>) {
    let sandbox = wish.prepare().await;
    let process = Process::start(&sandbox);
    process.fulfil(wish, wish.push()).await;
    assert!(!process.is_dead());
    let outcome = outcome(&sandbox).await;
    insta::assert_snapshot!(format!("undisturbed_{wish:?}"), outcome);
    (outcome, process.failpoints.passed())
}

async fn survives_every_death(wish: Wish) {
    let (expected, passed) = undisturbed(wish).await;
    for (name, survives) in passed.into_iter().flat_map(|(name, times)| (0..times).map(move |time| (name, time))) {
        let sandbox = wish.prepare().await;
        let process = Process::start(&sandbox);
        assert!(process.failpoints.arm(name, survives));
        let push = wish.push();
        process.fulfil(wish, push.clone()).await;
        assert!(process.is_dead(), "{name} was passed {survives} times and not again");
        go_on(&sandbox, push).await;
        assert_eq!(outcome(&sandbox).await, expected, "killed at {name} after {survives}");
    }
}

#[tokio::test]
async fn a_push_survives_every_death() {
    survives_every_death(Wish::Push).await;
}

#[tokio::test]
async fn a_push_to_an_autoscaled_app_survives_every_death() {
    survives_every_death(Wish::PushAutoscaled).await;
}

#[tokio::test]
async fn a_push_that_fails_survives_every_death() {
    survives_every_death(Wish::BadPush).await;
}

#[tokio::test]
async fn scaling_survives_every_death() {
    survives_every_death(Wish::Scale).await;
}

#[tokio::test]
async fn scaling_to_nothing_and_back_survives_every_death() {
    survives_every_death(Wish::Stop).await;
    survives_every_death(Wish::Start).await;
}

#[tokio::test]
async fn a_restart_survives_every_death() {
    survives_every_death(Wish::Restart).await;
}

#[tokio::test]
async fn a_restart_that_fails_survives_every_death() {
    survives_every_death(Wish::BadRestart).await;
}

#[tokio::test]
async fn a_change_of_certificates_survives_every_death() {
    survives_every_death(Wish::Certify).await;
}

#[tokio::test]
async fn a_command_survives_every_death() {
    survives_every_death(Wish::Run).await;
}

#[tokio::test]
async fn a_destruction_survives_every_death() {
    survives_every_death(Wish::Destroy).await;
}

/// The tests above would be silent about a point that nothing comes to.
#[tokio::test]
async fn every_failpoint_is_come_to() {
    let mut never = NAMES.iter().copied().collect::<BTreeSet<_>>();
    for wish in Wish::ALL {
        let (_outcome, passed) = undisturbed(wish).await;
        never.retain(|name| passed.get(name) == Some(&0));
    }
    assert!(never.is_empty(), "{never:?}");
}
