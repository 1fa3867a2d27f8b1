use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;
use crate::images::Pulled;

fn assignment() -> Assignment {
    let processes = BTreeMap::from([(ProcType::web(), 1), ("worker".parse().unwrap(), 1)]);
    Assignment { processes, ..Assignment::bare("shop") }
}

fn told(assignment: &Assignment, kind: &str, trouble: &Trouble) -> String {
    let cause = Cause::of_pod(assignment, &kind.parse().unwrap(), Some(trouble), None);
    format!("{}: {}", cause.code, cause.text())
}

#[test]
fn ends_are_told_with_their_number_their_time_and_their_reason() {
    let ends = [(1, 1), (1, 3), (0, 2), (126, 1), (127, 2), (137, 2), (139, 2), (143, 1), (255, 2)];
    insta::assert_yaml_snapshot!(
        ends.map(|(code, times)| { told(&assignment(), "worker", &Trouble::Exited { code, times, after: Some(0) }) })
    );
}

#[test]
fn what_no_node_has_is_named_with_what_is_asked_for() {
    let mut shaped = assignment();
    shaped.shape.memory = BTreeMap::from([(ProcType::web(), "64G/128G".to_owned())]);
    shaped.shape.tags = BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]);
    let words = [
        "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims found.",
        "0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: 0/2 nodes are available.",
        "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}, 2 node(s) didn't match Pod's node \
         affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/1 nodes are \
         available: 1 Preemption is not helpful for scheduling.",
    ];
    let told = words.map(|words| told(&shaped, "web", &Trouble::Unschedulable(NoNode::parse(words))));
    insta::assert_yaml_snapshot!(told);
}

#[test]
fn limits_are_told_and_doubled() {
    let mut shaped = assignment();
    let default = told(&shaped, "web", &Trouble::OutOfMemory);
    shaped.shape.memory = BTreeMap::from([(ProcType::web(), "2G".to_owned())]);
    insta::assert_yaml_snapshot!([default, told(&shaped, "web", &Trouble::OutOfMemory)]);
    assert_eq!((doubled("1048576"), doubled("64Ki")), (None, Some("128K".to_owned())));
}

#[test]
fn probes_are_told_by_name_with_their_answer() {
    let found = |message: &str| Unhealthy::parse(message, Timestamp::UNIX_EPOCH);
    let refused = || found("Startup probe failed: dial tcp 10.0.0.7:5000: connect: connection refused");
    let table = [
        ("web", Trouble::Unready { probe: Probe::Startup, found: refused() }),
        (
            "web",
            Trouble::Unready { probe: Probe::Startup, found: found("Startup probe failed: dial tcp: i/o timeout") },
        ),
        ("web", Trouble::Unready { probe: Probe::Readiness, found: None }),
        ("worker", Trouble::Unready { probe: Probe::Readiness, found: found("Readiness probe failed: not yet") }),
        (
            "worker",
            Trouble::Unresponsive {
                found: found("Liveness probe failed: HTTP probe failed with statuscode: 500").unwrap(),
                times: 3,
            },
        ),
    ];
    insta::assert_yaml_snapshot!(table.map(|(kind, trouble)| told(&assignment(), kind, &trouble)));
}

#[test]
fn images_from_elsewhere_are_mended_otherwise() {
    let pulled = Assignment { pulled: Some(Pulled::default()), ..assignment() };
    let troubles = [
        Trouble::ImageMissing("not found".to_owned()),
        Trouble::Start("exec: \"/bin/nope\": no such file or directory".to_owned()),
        Trouble::Exited { code: 127, times: 1, after: None },
    ];
    insta::assert_yaml_snapshot!(troubles.map(|trouble| told(&pulled, "cmd", &trouble)));
}

#[test]
fn refusals_name_what_is_asked_used_and_allowed() {
    let words = [
        "pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4",
        "pods \"x\" is forbidden: failed quota: compute: must specify requests.cpu for: web",
        "pods \"x\" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi",
        "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
        "admission webhook \"policy.example.com\" denied the request: no owner",
    ];
    insta::assert_yaml_snapshot!(words.map(|words| {
        let cause = Cause::of_refusal(&ProcType::web(), &Refusal::parse(words));
        format!("{}: {}", cause.code, cause.text())
    }));
}
