use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-01-01T00:01:00Z";
const IMAGE: &str = "127.0.0.1:5555/shop@sha256:0f0f";

/// A pod of the served process type as the kubelet tells of it.
fn pod(restarts: i32, state: &Value, last: &Value, started: bool) -> Pod {
    let spec = json!({ "containers": [{
        "name": "web", "startupProbe": { "tcpSocket": { "port": "http" } }, "readinessProbe": { "tcpSocket": { "port": "http" } },
    }] });
    let status = json!({
        "phase": "Running",
        "startTime": "2026-01-01T00:00:00Z",
        "conditions": [{ "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:02Z" }],
        "containerStatuses": [{
            "name": "web", "image": "", "imageID": "", "ready": false, "restartCount": restarts, "started": started,
            "state": state, "lastState": last,
        }],
    });
    serde_json::from_value(json!({ "metadata": {}, "spec": spec, "status": status })).unwrap()
}

fn trouble(restarts: i32, state: &Value, last: &Value) -> Option<Trouble> {
    of(&pod(restarts, state, last, false), &[], NOW.parse().unwrap())
}

fn waits(reason: &str, message: &str) -> Value {
    json!({ "waiting": { "reason": reason, "message": message } })
}

fn running() -> Value {
    json!({ "running": { "startedAt": "2026-01-01T00:00:30Z" } })
}

fn ended(reason: &str, code: i32) -> Value {
    json!({ "terminated": {
        "exitCode": code, "reason": reason, "startedAt": "2026-01-01T00:00:05Z", "finishedAt": "2026-01-01T00:00:08Z",
        "message": "listening\npanic: no database\n",
    } })
}

fn found(message: &str, seen: &str) -> Unhealthy {
    Unhealthy::parse(message, seen.parse().unwrap()).unwrap()
}

const fn exited(code: i32, times: u32) -> Option<Trouble> {
    Some(Trouble::Exited { code, times, after: Some(3) })
}

#[test]
fn pods_that_are_coming_have_no_trouble() {
    assert_eq!(of(&Pod::default(), &[], NOW.parse().unwrap()), None);
    assert_eq!(trouble(0, &waits("ContainerCreating", ""), &json!({})), None);
    assert_eq!(trouble(0, &waits("PodInitializing", ""), &json!({})), None);
    let refused = format!(
        "failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": failed to do request: Head \
         \"http://127.0.0.1:5555/v2/shop/manifests/sha256:0f0f\": dial tcp 127.0.0.1:5555: connect: connection refused"
    );
    assert_eq!(trouble(0, &waits("ErrImagePull", &refused), &json!({})), None, "an outage may be short");
}

/// As containerd and the kubelet write it.
#[test]
fn images_that_cannot_be_had() {
    let pull = |why: &str| {
        format!("failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": {why}")
    };
    let back_off = |why: &str| format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: {}", pull(why));
    let table = [
        ("ErrImagePull", format!("rpc error: code = NotFound desc = {}", pull(&format!("{IMAGE}: not found")))),
        ("ImagePullBackOff", back_off(&format!("{IMAGE}: not found"))),
        ("ErrImagePull", pull("unexpected status from HEAD request to http://127.0.0.1:5555/v2/shop/manifests/0f: 403 Forbidden")),
        ("ErrImagePull", pull("unexpected status from HEAD request to http://127.0.0.1:5555/v2/shop/manifests/0f: 401 Unauthorized")),
        (
            "ImagePullBackOff",
            back_off("pull access denied, repository does not exist or may require authorization: authorization failed: no \
                basic auth credentials"),
        ),
        ("ImagePullBackOff", back_off("failed to do request: dial tcp 127.0.0.1:5555: connect: connection refused")),
        ("ImagePullBackOff", format!("Back-off pulling image \"{IMAGE}\"")),
        (
            "InvalidImageName",
            "Failed to apply default image tag \"127.0.0.1:5555/Shop\": couldn't parse image name \"127.0.0.1:5555/Shop\": \
             invalid reference format: repository name must be lowercase".to_owned(),
        ),
        ("ErrImageNeverPull", format!("Container image \"{IMAGE}\" is not present with pull policy of Never")),
    ];
    insta::assert_debug_snapshot!(table.map(|(reason, words)| trouble(0, &waits(reason, &words), &json!({})).unwrap()));
}

/// The kubelet ends a container whose hook failed, and starts it again.
#[test]
fn a_hook_that_fails_is_told_as_such() {
    let told = |words: &str| trouble(1, &waits("PostStartHookError", words), &ended("Error", 137));
    let failed = "its hook lifecycle_post_start failed";
    assert_eq!(told(""), Some(Trouble::Start(failed.to_owned())));
    assert_eq!(
        told("command 'touch /x'\nexited with 1."),
        Some(Trouble::Start(format!("{failed}: command 'touch /x' exited with 1")))
    );
}

#[test]
fn processes_that_end() {
    let exit = ended("Error", 1);
    assert_eq!(trouble(0, &exit, &json!({})), exited(1, 1));
    assert_eq!(trouble(1, &exit, &exit), exited(1, 2));
    assert_eq!(trouble(1, &running(), &exit), exited(1, 1));
    // The kubelet counts starts: while it waits to make the next one, there was one end more.
    let back_off = waits("CrashLoopBackOff", "back-off 10s restarting failed container=web pod=shop-v2-web-x");
    assert_eq!(trouble(0, &back_off, &exit), exited(1, 1));
    assert_eq!(trouble(1, &back_off, &exit), exited(1, 2));
    assert_eq!(trouble(1, &ended("Completed", 0), &ended("Completed", 0)), exited(0, 2));
    assert_eq!(trouble(1, &ended("Error", 139), &exit), exited(139, 2));
}

#[test]
fn an_end_of_long_ago_is_forgotten_by_a_process_that_runs() {
    let later = |now: &str, state: &Value| of(&pod(3, state, &ended("Error", 1), true), &[], now.parse().unwrap());
    let unready = Some(Trouble::Unready { probe: Probe::Readiness, found: None });
    assert_eq!(later("2026-01-01T00:10:07Z", &running()), exited(1, 3));
    assert_eq!(later("2026-01-01T00:10:08Z", &running()), unready);
    assert_eq!(later("2026-01-01T00:10:08Z", &waits("CrashLoopBackOff", "")), exited(1, 4));
}

#[test]
fn processes_that_need_too_much_memory() {
    let killed = ended("OOMKilled", 137);
    for (state, last) in [(&killed, &json!({})), (&running(), &killed), (&waits("CrashLoopBackOff", ""), &killed)] {
        assert_eq!(trouble(1, state, last), Some(Trouble::OutOfMemory));
    }
    assert_eq!(trouble(1, &running(), &ended("Error", 137)), exited(137, 1));
}

#[test]
fn processes_that_cannot_be_started() {
    let words = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
                 unable to start container process: error during container init: exec: \"/bin/nope\": stat /bin/nope: no such \
                 file or directory: unknown";
    let broken = json!({ "terminated": { "exitCode": 128, "reason": "StartError", "message": words } });
    let secret = "secret \"shop-v2-env\" not found";
    let table = [
        trouble(0, &broken, &json!({})),
        trouble(1, &waits("CrashLoopBackOff", "back-off 10s"), &broken),
        trouble(0, &waits("RunContainerError", words), &json!({})),
        trouble(0, &waits("CreateContainerError", "failed to generate container: no command specified"), &json!({})),
        trouble(0, &waits("CreateContainerConfigError", secret), &json!({})),
        trouble(
            0,
            &waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            &json!({}),
        ),
    ];
    insta::assert_debug_snapshot!(table.map(Option::unwrap));
}

#[test]
fn pods_for_which_there_is_no_room() {
    let pod = json!({ "metadata": {}, "status": { "phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims",
    }] } });
    let found = of(&serde_json::from_value(pod).unwrap(), &[], NOW.parse().unwrap());
    assert_eq!(found, Some(Trouble::Unschedulable(NoNode::parse("0/1 nodes are available: 1 Insufficient memory."))));
}

#[test]
fn processes_that_are_not_found_as_they_should_be() {
    let silent =
        found("Startup probe failed: dial tcp 10.0.0.7:5000: connect: connection refused", "2026-01-01T00:00:31Z");
    let sick = found("Readiness probe failed: HTTP probe failed with statuscode: 503", "2026-01-01T00:00:40Z");
    let both = [silent.clone(), sick.clone()];
    let look =
        |started: bool, found: &[Unhealthy]| of(&pod(0, &running(), &json!({}), started), found, NOW.parse().unwrap());
    assert_eq!(look(false, &both), Some(Trouble::Unready { probe: Probe::Startup, found: Some(silent.clone()) }));
    assert_eq!(look(true, &both), Some(Trouble::Unready { probe: Probe::Readiness, found: Some(sick) }));
    assert_eq!(look(false, &[]), Some(Trouble::Unready { probe: Probe::Startup, found: None }));
    // What the process before was like is not told of this one.
    let before =
        found("Startup probe failed: dial tcp 10.0.0.7:5000: connect: connection refused", "2026-01-01T00:00:20Z");
    assert_eq!(look(false, &[before]), Some(Trouble::Unready { probe: Probe::Startup, found: None }));
    // After an end it is news what it does with its second chance.
    let again = of(&pod(1, &running(), &ended("Error", 1), false), std::slice::from_ref(&silent), NOW.parse().unwrap());
    assert_eq!(again, Some(Trouble::Unready { probe: Probe::Startup, found: Some(silent) }));
}

#[test]
fn processes_that_the_kubelet_ends() {
    let dead = |seen: &str| found("Liveness probe failed: HTTP probe failed with statuscode: 500", seen);
    let look = |seen: &str| of(&pod(1, &running(), &ended("Error", 137), false), &[dead(seen)], NOW.parse().unwrap());
    let kill = dead("2026-01-01T00:00:07Z");
    assert_eq!(look("2026-01-01T00:00:07Z"), Some(Trouble::Unresponsive { found: kill, times: 1 }));
    assert_eq!(look("2026-01-01T00:00:03Z"), exited(137, 1), "that was another one");
}

#[test]
fn the_record_holds_since_when_how_often_and_the_last_lines() {
    let record = record(&pod(2, &running(), &ended("Error", 1), false));
    assert_eq!(record.since, Some("2026-01-01T00:00:02Z".parse().unwrap()));
    assert_eq!((record.restarts, record.ended), (2, Some("2026-01-01T00:00:08Z".parse().unwrap())));
    assert_eq!(record.last_lines, ["listening", "panic: no database"]);
}
