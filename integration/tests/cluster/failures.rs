//! Every way in which a release can fail, on the real node: its code, its sentence, and how soon it is told after Kubernetes knew.

mod victim;

use k8s_openapi::api::core::v1::{LimitRange, Node, Pod, ReplicationController, ResourceQuota};
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use self::victim::{Victim, cannot_be_pulled, ended, image_of, is_unschedulable, moment, was_killed_for_memory};
use crate::support::{Developer, Platform, eventually, is_ready};

/// For how long processes that may still come up are waited for: time enough for one that does.
const PATIENCE: &str = "DEIS_DEPLOY_TIMEOUT=20";
/// The same for one that does not, in a release that is to fail.
const SHORT: &str = "DEIS_DEPLOY_TIMEOUT=10";
/// Two kills by the liveness probe take longer.
const LONG: &str = "DEIS_DEPLOY_TIMEOUT=60";

/// An app that does what its variable FAIL says.
const PROGRAM: &str = r#"package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	fail := os.Getenv("FAIL")
	fmt.Println("about to", fail)
	status := map[string]int{"/ready": 200, "/live": 200}
	switch fail {
	case "exit":
		os.Exit(3)
	case "end":
		os.Exit(0)
	case "signal":
		os.Exit(139)
	case "memory":
		for hog := [][]byte{}; ; {
			block := make([]byte, 8<<20)
			for i := range block {
				block[i] = 1
			}
			hog = append(hog, block)
		}
	case "silence":
		time.Sleep(time.Hour)
	case "unready":
		status["/ready"] = 503
	case "dead":
		status["/ready"], status["/live"] = 503, 500
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if code, known := status[r.URL.Path]; known {
			w.WriteHeader(code)
		}
		fmt.Fprintln(w, "well")
	})
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}
"#;

#[tokio::test]
async fn every_failure_is_told_soon_and_by_its_name() {
    // How soon is a matter of the machine too.
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "failing").await;
    let (repository, _commit) = developer.program(PROGRAM).await;
    let app = repository.pushed_app().await;
    let victim = Victim { platform: &platform, repository: &repository, app: &app, told: Default::default() };
    // Ends are quick then.
    let grace = "KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS=1";
    drop(repository.deis(&["config:set", grace, PATIENCE]).await.succeeded());

    processes(&victim).await;
    refusals(&victim).await;
    rooms(&victim).await;
    probes(&victim).await;
    images(&victim).await;

    let told =
        victim.told.borrow().iter().map(|(kind, told)| format!("{kind} = {told}")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told, @r#"
    bad command = command-failed: The command of web is not there (exit code 127). Correct its command in the Procfile and push again.
    ends without an error = process-exited: The process web ended 2 times, the last time after [n] s, without an error (exit code 0), but it has to go on running. Let the command of web run in the foreground: deis logs --process web.
    exits = process-exited: The process web ended 2 times, the last time after [n] s, with exit code 3. Its last lines say why: deis logs --process web.
    image forbidden = image-pull-failed: does not let the image: The platform's own credentials are refused: ask an administrator to run 'deisctl doctor'.
    image missing = image-pull-failed: is not in the registry: Push again to rebuild it.
    killed by a signal = process-exited: The process web ended 2 times, the last time after [n] s, by the signal SIGSEGV (exit code 139). Its last lines say why: deis logs --process web.
    limit range = pod-refused: The namespace's limit range does not take web as it is: maximum memory usage per Container is 128Mi, but limit is 512Mi. Change its limits: deis limits:set web=64M/256M, or with --cpu web=100m/500m.
    liveness probe fails = probe-failed: The process web was started again 2 times because its liveness probe failed: it answers with HTTP status 500. Compare the probe (deis healthchecks) with what the process says (deis logs --process web).
    never listens = starting: The process web is not ready: it runs, but nothing listens on port 5000 (variable PORT).
    no room = no-room: No node has room for web: the only node has too little free memory; it asks for 512Gi of memory.
    no such node = no-room: No node has room for web: the only node lacks the labels that the app's tags ask for (failures=here).
    out of memory = out-of-memory: The process web needed more memory than its limit of 64Mi. Raise the limit (deis limits:set web=128M) or make it need less.
    quota = pod-refused: The quota "few" leaves no room for web: it asks for pods=1, used is pods=1, and the limit is pods=1. Ask for less (deis limits:set web=256M), run fewer processes (deis scale), or ask an administrator for a larger quota.
    readiness probe fails = starting: The process web is not ready: its readiness probe fails: it answers with HTTP status 503.
    "#);
}

/// Processes that end, by themselves or not.
async fn processes(victim: &Victim<'_>) {
    let repository = victim.repository;
    for (kind, fail) in [("exits", "exit"), ("ends without an error", "end"), ("killed by a signal", "signal")] {
        let version = victim.next_version().await;
        let fail = format!("FAIL={fail}");
        let change = ["config:set", &fail];
        let known = victim.pod(&version, |pod| ended(pod, 2));
        victim.fails(kind, (&version, "process-exited"), repository.deis(&change), known).await;
    }
    let newest = victim.app.releases(repository).await.swap_remove(0).0;
    let info = repository.deis(&["releases:info", &newest]).await.succeeded();
    assert!(info.stdout.contains("about to signal"), "the last lines are shown: {info}");

    drop(repository.deis(&["limits:set", "web=64M"]).await.succeeded());
    let version = victim.next_version().await;
    let change = ["config:set", "FAIL=memory"];
    let known = victim.pod(&version, was_killed_for_memory);
    victim.fails("out of memory", (&version, "out-of-memory"), repository.deis(&change), known).await;
    drop(repository.deis(&["limits:unset", "web"]).await.succeeded());

    std::fs::write(repository.path().join("Procfile"), "web: ./no-such-program\n").unwrap();
    repository.commit("Break the command").await;
    let version = victim.next_version().await;
    let change = ["push", "deis", "master"];
    let known = victim.pod(&version, |pod| ended(pod, 1));
    victim.fails("bad command", (&version, "command-failed"), repository.git(&change), known).await;
}

/// Pods that Kubernetes does not take.
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn refusals(victim: &Victim<'_>) {
    let (platform, repository, app) = (victim.platform, victim.repository, &victim.app.name);
    victim.app.eventually_pods("only the pod that serves is left", |pods| pods.len() == 1).await;
    let quotas = platform.objects::<ResourceQuota>(app);
    let few = json!({ "metadata": { "name": "few" }, "spec": { "hard": { "pods": "1" } } });
    quotas.create(&PostParams::default(), &serde_json::from_value(few).unwrap()).await.unwrap();
    eventually("the quota counts", &quotas, "", |quotas| {
        let mut used = quotas.iter().filter_map(|quota| quota.status.as_ref()?.used.as_ref()?.get("pods"));
        used.any(|used| used.0 == "1")
    })
    .await;
    let version = victim.next_version().await;
    let change = ["config:set", "QUOTA=few"];
    let known = victim.refusal(&version);
    victim.fails("quota", (&version, "pod-refused"), repository.deis(&change), known).await;
    quotas.delete("few", &DeleteParams::default()).await.unwrap();

    let ranges = platform.objects::<LimitRange>(app);
    let limits = json!([{ "type": "Container", "max": { "memory": "128Mi" } }]);
    let small = json!({ "metadata": { "name": "small" }, "spec": { "limits": limits } });
    ranges.create(&PostParams::default(), &serde_json::from_value(small).unwrap()).await.unwrap();
    let version = victim.next_version().await;
    let change = ["config:set", "RANGE=small"];
    let known = victim.refusal(&version);
    victim.fails("limit range", (&version, "pod-refused"), repository.deis(&change), known).await;
    ranges.delete("small", &DeleteParams::default()).await.unwrap();
}

/// Pods that no node takes: that can pass, so they get their time, but are explained at once.
async fn rooms(victim: &Victim<'_>) {
    let repository = victim.repository;
    let version = victim.next_version().await;
    let change = ["limits:set", "web=512G"];
    let known = victim.pod(&version, is_unschedulable);
    let told = (version.as_str(), "no-room", "memory", "no-room");
    victim.is_explained("no room", told, repository.deis(&change), known).await;

    let nodes = Api::<Node>::all(victim.platform.client.clone());
    let node = nodes.list(&ListParams::default()).await.unwrap().items.swap_remove(0).name_any();
    label(&nodes, &node, Some("here")).await;
    drop(repository.deis(&["tags:set", "failures=here"]).await.succeeded());
    label(&nodes, &node, None).await;
    let version = victim.next_version().await;
    let change = ["config:set", "TAGS=gone", SHORT];
    let known = victim.pod(&version, is_unschedulable);
    let told = (version.as_str(), "no-room", "labels", "no-room");
    victim.is_explained("no such node", told, repository.deis(&change), known).await;
    drop(repository.deis(&["tags:unset", "failures"]).await.succeeded());
}

async fn label(nodes: &Api<Node>, node: &str, value: Option<&str>) {
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "failures": value } } }));
    #[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
    let patched = nodes.patch(node, &PatchParams::default(), &patch).await;
    patched.unwrap();
}

/// Processes that run and are not found as they should be.
async fn probes(victim: &Victim<'_>) {
    let repository = victim.repository;
    let version = victim.next_version().await;
    let change = ["config:set", "FAIL=silence", SHORT];
    let known = victim.finding(&version, "connection refused");
    let told = (version.as_str(), "starting", "nothing listens", "never-ready");
    victim.is_explained("never listens", told, repository.deis(&change), known).await;

    let check = async |probe: &str, path: &str| {
        let set = ["healthchecks:set", probe, "httpGet", "5000", path, "--type=web", "--initial-delay-timeout=0"];
        let often = ["--timeout-seconds=1", "--period-seconds=1", "--failure-threshold=1"];
        drop(repository.deis(&[set.as_slice(), &often].concat()).await.succeeded());
    };
    check("readiness", "--path=/ready").await;
    let version = victim.next_version().await;
    let change = ["config:set", "FAIL=unready", SHORT];
    let known = victim.finding(&version, "statuscode: 503");
    let told = (version.as_str(), "starting", "503", "probe-failed");
    victim.is_explained("readiness probe fails", told, repository.deis(&change), known).await;

    check("liveness", "--path=/live").await;
    let version = victim.next_version().await;
    let change = ["config:set", "FAIL=dead", LONG];
    let known = victim.pod(&version, |pod| ended(pod, 2));
    victim.fails("liveness probe fails", (&version, "probe-failed"), repository.deis(&change), known).await;
}

/// Images that somebody put in the place of the app's, by hand: the controller's template is changed, and its pod deleted. The app is
/// down then, and says why.
async fn images(victim: &Victim<'_>) {
    let (platform, app) = (victim.platform, &victim.app.name);
    let controllers = platform.objects::<ReplicationController>(app);
    victim
        .app
        .eventually_controllers("only the release that serves is left", |controllers| controllers.len() == 1)
        .await;
    let controller = controllers.list(&ListParams::default()).await.unwrap().items.swap_remove(0);
    let template = controller.spec.as_ref().and_then(|spec| spec.template.as_ref()?.spec.as_ref());
    let own = template.and_then(|spec| spec.containers.first()?.image.clone()).unwrap();
    let name = controller.name_any();
    let nothing = "0".repeat(64);
    for (kind, image, part) in [
        ("image missing", format!("127.0.0.1:5555/{app}@sha256:{nothing}"), "is not in the registry"),
        ("image forbidden", format!("127.0.0.1:5555/{app}-of-another@sha256:{nothing}"), "does not let the image"),
    ] {
        run_image(victim, &name, &image).await;
        let pods = platform.objects::<Pod>(app);
        let known = moment("the image cannot be had", &pods, "heritage=deis,type=web", |pod| {
            image_of(pod) == Some(&image) && cannot_be_pulled(pod)
        });
        let problem = victim.problem(known.await, "image-pull-failed", part).await;
        victim
            .told
            .borrow_mut()
            .insert(kind, format!("image-pull-failed: {part}: {}", problem.get("next").unwrap().as_str().unwrap()));
    }
    run_image(victim, &name, &own).await;
    victim.app.eventually_pods("it serves again", |pods| pods.len() == 1 && pods.iter().all(is_ready)).await;
}

/// Changes what a controller makes, and has it made.
#[expect(clippy::disallowed_methods, reason = "what somebody does with kubectl")]
async fn run_image(victim: &Victim<'_>, controller: &str, image: &str) {
    let containers = json!([{ "name": "web", "image": image }]);
    let patch = Patch::Strategic(json!({ "spec": { "template": { "spec": { "containers": containers } } } }));
    let controllers = victim.platform.objects::<ReplicationController>(&victim.app.name);
    controllers.patch(controller, &PatchParams::default(), &patch).await.unwrap();
    let pods = victim.platform.objects::<Pod>(&victim.app.name);
    for pod in victim.app.pods().await {
        pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
    }
}
