mod autoscale;
mod certify;
mod destroy;
mod phase;
mod restart;
mod sandbox;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deis_api::rest::Autoscale;
use deis_api::{AppName, CertificateDigest, Code, Hostname, ProcType, ReleaseVersion};
use deis_kube::apply::Seen;
use deis_kube::objects::{Drain, Routing};
use parking_lot::Mutex;

use self::sandbox::{Sandbox, State};
use super::{Ending, Footprint, Narrator, reconcile};
use crate::deploy::cluster::Demolition;
use crate::deploy::effects::{EffectError, Effects, Grant, Surroundings};
use crate::deploy::failure::Failure;
use crate::deploy::goal::{Assignment, ReleasePhase};
use crate::deploy::phase::{Phase, PhaseState};
use crate::deploy::simulation::{Fate, Simulation};
use crate::deploy::world::{Autoscaler, Budget, Controller, Pod, Served, Service, Trouble, World};

const OLD: ReleaseVersion = ReleaseVersion::FIRST;

fn new() -> ReleaseVersion {
    OLD.next()
}

fn web(count: u32) -> BTreeMap<ProcType, u32> {
    BTreeMap::from([(ProcType::web(), count)])
}

fn app() -> AppName {
    "a".parse().unwrap()
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Narrator for Told {
    fn step(&self, _grant: &Grant, text: String) {
        self.0.lock().push(text);
    }
}

async fn settle(sandbox: &Sandbox) -> Vec<String> {
    let told = Told::default();
    assert_eq!(reconcile(sandbox, &app(), &told, &mut Footprint::default()).await.unwrap(), Ending::Settled);
    assert!(sandbox.0.lock().cluster.drain.leaving.is_empty());
    told.0.into_inner()
}

#[tokio::test]
async fn a_release_is_deployed_and_the_one_before_goes() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    let told = settle(&sandbox).await;
    insta::assert_yaml_snapshot!(sandbox.log());
    assert_eq!(told, ["web: 0 of 2 pods ready", "web: 1 of 2 pods ready"]);
}

#[tokio::test]
async fn a_release_that_crashes_leaves_no_pod_and_the_old_one_full() {
    let sandbox = Sandbox::upgrading(Fate::Fails(Trouble::Exited { code: 1, times: 2, after: None }));
    settle(&sandbox).await;
    insta::assert_yaml_snapshot!(sandbox.log());
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn a_release_that_never_gets_ready_fails_when_nothing_moves_any_more() {
    let sandbox = Sandbox::upgrading(Fate::NeverReady);
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 failed: never-ready [\"last words\"]".to_owned()));
    let took = sandbox.0.lock().now.as_secs();
    // The routers are told before the pods go, and are waited for.
    assert!((120..=125).contains(&took), "{took} s");
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn routers_that_do_not_answer_are_waited_for_and_then_left_behind() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().routers_answer = false;
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 is deployed".to_owned()));
    assert!(sandbox.0.lock().now >= Duration::from_secs(120));
}

/// Nothing else happens after that which would end a wait.
#[tokio::test]
async fn a_pod_that_gets_ready_while_the_routers_are_asked_for_others_is_asked_for_at_once() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().happens_meanwhile = true;
    let told = settle(&sandbox).await;
    assert!(told.contains(&"web: 0 of 2 pods ready".to_owned()), "{told:?}");
    assert!(!told.contains(&"web: 1 of 2 pods ready".to_owned()), "{told:?}");
}

#[tokio::test]
async fn a_conflict_is_another_look() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().conflicts =
        BTreeMap::from([("create", 2), ("resize", 3), ("delete", 1), ("prepare", 1), ("drain", 2)]);
    settle(&sandbox).await;
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 2"]);
}

#[tokio::test]
async fn an_outage_of_kubernetes_ends_in_a_minute() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().kubernetes_is_down = true;
    let told = Told::default();
    let error = reconcile(&sandbox, &app(), &told, &mut Footprint::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    let took = sandbox.0.lock().now.as_secs();
    assert!((60..65).contains(&took), "{took} s");
    let lasts = (1..12).map(|times| format!("Kubernetes cannot be reached ({} s so far).", times * 5));
    let expected = ["Kubernetes cannot be reached".to_owned()].into_iter().chain(lasts).collect::<Vec<_>>();
    assert_eq!(told.0.into_inner(), expected);
}

#[tokio::test]
async fn an_outage_is_over_when_kubernetes_answers_with_a_conflict() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().unanswered = 100;
    settle(&sandbox).await;
    assert!(sandbox.0.lock().now >= Duration::from_secs(90));
}

#[tokio::test]
async fn a_release_that_kubernetes_does_not_take_has_failed() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().refused = Some(new());
    settle(&sandbox).await;
    assert!(sandbox.log().contains(&"v2 failed: pod-refused []".to_owned()));
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v1 web 2"]);
}

#[tokio::test]
async fn whoever_was_overtaken_writes_nothing_more() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    let grant = sandbox.begin(&app()).await.unwrap();
    settle(&sandbox).await;
    let before = sandbox.log();
    let newest = Grant { app: app(), fence: 2 };
    let assignment = sandbox.assignment(&newest).await.unwrap();
    let refused = sandbox.create(&grant, &assignment, &ProcType::web()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Fenced);
    assert_eq!(sandbox.log(), before);
}

#[tokio::test]
async fn scaling_something_that_crashes_says_so_and_goes_no_further() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    settle(&sandbox).await;
    {
        let mut state = sandbox.0.lock();
        state.processes = web(3);
        state.cluster.fates.insert(new(), Fate::Fails(Trouble::OutOfMemory));
    }
    let ending = reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await.unwrap();
    let Ending::Stuck(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.code, Code::OutOfMemory);
    assert_eq!(sandbox.0.lock().cluster.replicas(), ["v2 web 3"]);
}

/// A process that dies after one write and one that dies before the next leave the same world behind.
#[tokio::test]
async fn a_deploy_that_was_killed_anywhere_is_finished_by_the_next() {
    for fate in [Fate::Serves, Fate::Fails(Trouble::OutOfMemory)] {
        let whole = Sandbox::upgrading(fate.clone());
        settle(&whole).await;
        for survived in 0..whole.log().len() {
            let sandbox = Sandbox::upgrading(fate.clone());
            sandbox.0.lock().dies_after = Some(survived);
            let killed = reconcile(&sandbox, &app(), &Told::default(), &mut Footprint::default()).await;
            assert!(killed.is_err(), "survived {survived} writes");
            sandbox.0.lock().dies_after = None;
            settle(&sandbox).await;
            assert_eq!(sandbox.0.lock().cluster.replicas(), whole.0.lock().cluster.replicas());
            assert_eq!(sandbox.0.lock().desired, whole.0.lock().desired);
            assert!(!sandbox.0.lock().deploying);
        }
    }
}

#[tokio::test]
async fn new_domains_are_told_to_the_routers_and_noted_as_settled() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    settle(&sandbox).await;
    let before = sandbox.log().len();
    {
        let mut state = sandbox.0.lock();
        state.domains.insert("example.com".parse().unwrap());
        state.unsettled = Some(7);
    }
    settle(&sandbox).await;
    assert_eq!(sandbox.log()[before..], ["prepare v2", "tidy, keep v2", "settled at 7"]);
}

/// What is noted as settled has come about, also what was wanted while the run was under way.
#[tokio::test]
async fn leave_to_run_as_root_reaches_the_namespace_in_the_middle_of_a_run() {
    let sandbox = Sandbox::upgrading(Fate::Serves);
    sandbox.0.lock().root_after = Some(2);
    settle(&sandbox).await;
    assert_eq!(sandbox.log().iter().filter(|line| *line == "prepare v2").count(), 2, "{:?}", sandbox.log());
}
