//! When a release has failed, and why: one sentence with a stable code.

use std::time::Duration;

use deis_api::Code;

use super::cause::Cause;
use super::goal::Assignment;
use super::refusal::Refusal;
use super::world::{Controller, Pod, Trouble, World};

/// Why a release cannot be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: Code,
    /// One sentence: why, and what to do next.
    pub message: String,
    /// The pod whose last lines tell more.
    pub pod: Option<String>,
}

impl Failure {
    fn of(cause: &Cause, pod: Option<&Pod>) -> Self {
        Self { code: cause.code, message: cause.text(), pod: pod.map(|pod| pod.name.clone()) }
    }
}

/// How often a process may end before its release has failed: once can be bad luck.
const EXITS: u32 = 2;
/// For how long Kubernetes may refuse pods for a reason that can pass: in a new namespace it does until the service account is there.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(15);
/// For how long a quota may be used up: what Kubernetes counts is a moment behind.
const QUOTA_PATIENCE: Duration = Duration::from_secs(1);

/// Judges a release whose deploy is under way; `stalled` is for how long nothing has moved.
#[must_use]
pub fn judge(assignment: &Assignment, world: &World, stalled: Duration) -> Option<Failure> {
    let mut unready = unready(assignment, world);
    let hopeless = unready.clone().find(|(_, pod)| is_hopeless(pod.trouble.as_ref()));
    let hopeless = hopeless.map(|(controller, pod)| {
        let cause = Cause::of_pod(assignment, &controller.proc_type, pod.trouble.as_ref(), None);
        Failure::of(&cause, Some(pod))
    });
    let refused = || ours(assignment, world).find_map(|controller| refused(assignment, world, controller, stalled));
    let missing = || ours(assignment, world).find_map(|controller| missing(assignment, controller));
    let late = || {
        if stalled < assignment.patience() {
            return None;
        }
        // Pods that leave slowly make room slowly.
        let may_make_room = world.leaving > 0 && stalled < assignment.longest_grace();
        let waits = |pod: &Pod| may_make_room && matches!(pod.trouble, Some(Trouble::Unschedulable(_)));
        let overdue = unready.find(|(_, pod)| !waits(pod)).map(|(controller, pod)| {
            let waited = Some(assignment.patience());
            let cause = Cause::of_pod(assignment, &controller.proc_type, pod.trouble.as_ref(), waited);
            Failure::of(&cause, Some(pod))
        });
        overdue.or_else(|| if may_make_room { None } else { missing() })
    };
    hopeless.or_else(refused).or_else(late)
}

/// What already keeps a release from coming up, while it may still pass: for those who wait.
#[must_use]
pub fn foreboding(assignment: &Assignment, world: &World) -> Option<Cause> {
    let is_news = |pod: &Pod| !matches!(pod.trouble, None | Some(Trouble::Unready { .. }));
    let pod = unready(assignment, world).find(|(_, pod)| is_news(pod));
    let pod = pod.map(|(controller, pod)| Cause::of_pod(assignment, &controller.proc_type, pod.trouble.as_ref(), None));
    let refused = || {
        ours(assignment, world).find_map(|controller| {
            let refusal = Refusal::parse(controller.refusal.as_ref()?);
            // In a new namespace every pod is refused for a moment.
            let is_news = !matches!(refusal, Refusal::Passing(_));
            is_news.then(|| Cause::of_refusal(&controller.proc_type, &refusal))
        })
    };
    pod.or_else(refused)
}

fn ours<'a>(assignment: &Assignment, world: &'a World) -> impl Iterator<Item = &'a Controller> + Clone + use<'a> {
    let release = assignment.release;
    world.controllers.iter().filter(move |controller| controller.version == release)
}

fn unready<'a>(
    assignment: &Assignment,
    world: &'a World,
) -> impl Iterator<Item = (&'a Controller, &'a Pod)> + Clone + use<'a> {
    let of_pods =
        ours(assignment, world).flat_map(|controller| controller.pods.iter().map(move |pod| (controller, pod)));
    of_pods.filter(|(_, pod)| !pod.ready)
}

/// Whether no waiting will mend it.
#[must_use]
pub fn is_hopeless(trouble: Option<&Trouble>) -> bool {
    match trouble {
        None | Some(Trouble::Unready { .. } | Trouble::Unschedulable(_)) => false,
        Some(Trouble::Exited { code: 126 | 127, .. }) => true,
        Some(Trouble::Exited { times, .. } | Trouble::Unresponsive { times, .. }) => *times >= EXITS,
        Some(
            Trouble::ImageMissing(_)
            | Trouble::ImageForbidden(_)
            | Trouble::ImageInvalid(_)
            | Trouble::Image(_)
            | Trouble::Container(_)
            | Trouble::Start(_)
            | Trouble::OutOfMemory,
        ) => true,
    }
}

fn refused(assignment: &Assignment, world: &World, controller: &Controller, stalled: Duration) -> Option<Failure> {
    let refusal = Refusal::parse(controller.refusal.as_ref()?);
    let patience = match &refusal {
        // Nobody but the app's own shape can change these.
        Refusal::QuotaUnsaid { .. } | Refusal::LimitRange(_) | Refusal::Security(_) => Duration::ZERO,
        // Pods that leave make room.
        Refusal::Quota { .. } if world.leaving > 0 => assignment.patience().max(assignment.longest_grace()),
        Refusal::Quota { .. } => QUOTA_PATIENCE,
        Refusal::Passing(_) | Refusal::Other(_) => REFUSAL_PATIENCE,
    };
    (stalled >= patience).then(|| Failure::of(&Cause::of_refusal(&controller.proc_type, &refusal), None))
}

/// Kubernetes neither makes the pods nor says why.
fn missing(assignment: &Assignment, controller: &Controller) -> Option<Failure> {
    let made = controller.pods.len();
    let (wanted, seconds) = (controller.replicas, assignment.patience().as_secs());
    let too_few = u32::try_from(made).is_ok_and(|made| made < wanted);
    too_few.then(|| Failure {
        code: Code::Unavailable,
        message: format!("Kubernetes made {made} of {wanted} pods of {} within {seconds} s.", controller.proc_type),
        pod: None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deis_api::{ProcType, ReleaseVersion};
    use deis_kube::apply::Seen;

    use super::*;
    use crate::deploy::no_node::NoNode;
    use crate::deploy::probe::{Probe, Unhealthy};
    use crate::deploy::world::Record;

    const UNIX_EPOCH: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    const NOW: Duration = Duration::ZERO;

    fn assignment() -> Assignment {
        Assignment { processes: BTreeMap::from([(ProcType::web(), 1)]), ..Assignment::bare("a") }
    }

    fn world(trouble: Option<Trouble>, refusal: Option<&str>) -> World {
        let pod = Pod {
            name: "a-v1-web-x".to_owned(),
            uid: "u".to_owned(),
            ready: false,
            routed: true,
            reachable: false,
            draining: false,
            trouble,
            record: Record::default(),
        };
        let seen =
            Seen { name: "a-v1-web".to_owned(), uid: "u".to_owned(), resource_version: "1".to_owned(), fence: 1 };
        let controller = Controller {
            seen,
            version: ReleaseVersion::FIRST,
            proc_type: ProcType::web(),
            replicas: 1,
            pods: vec![pod],
            refusal: refusal.map(str::to_owned),
        };
        World { generation: 1, controllers: vec![controller], ..World::default() }
    }

    fn verdict(trouble: Trouble, stalled: Duration) -> Option<String> {
        judge(&assignment(), &world(Some(trouble), None), stalled)
            .map(|failure| format!("{}: {}", failure.code, failure.message))
    }

    #[test]
    fn what_cannot_mend_fails_at_once() {
        let found =
            Unhealthy::parse("Liveness probe failed: HTTP probe failed with statuscode: 500", UNIX_EPOCH).unwrap();
        let troubles = [
            Trouble::ImageMissing("not found".to_owned()),
            Trouble::ImageForbidden("403 Forbidden".to_owned()),
            Trouble::ImageInvalid("invalid reference format".to_owned()),
            Trouble::Image("connection refused".to_owned()),
            Trouble::Container("secret \"a-v1-env\" not found".to_owned()),
            Trouble::Start("no such file".to_owned()),
            Trouble::Exited { code: 127, times: 1, after: None },
            Trouble::Exited { code: 1, times: 2, after: Some(3) },
            Trouble::OutOfMemory,
            Trouble::Unresponsive { found, times: 2 },
        ];
        insta::assert_yaml_snapshot!(troubles.map(|trouble| verdict(trouble, NOW).unwrap()));
    }

    #[test]
    fn what_can_mend_gets_its_time() {
        let late = Duration::from_secs(120);
        let found = || Unhealthy::parse("Readiness probe failed: HTTP probe failed with statuscode: 503", UNIX_EPOCH);
        let troubles = [
            Trouble::Exited { code: 1, times: 1, after: Some(3) },
            Trouble::Unresponsive { found: found().unwrap(), times: 1 },
            Trouble::Unschedulable(NoNode::parse("0/1 nodes are available: 1 Insufficient memory.")),
            Trouble::Unready { probe: Probe::Startup, found: None },
            Trouble::Unready { probe: Probe::Readiness, found: found() },
        ];
        let verdicts = troubles.map(|trouble| {
            assert_eq!(verdict(trouble.clone(), late - Duration::from_secs(1)), None);
            verdict(trouble, late).unwrap()
        });
        insta::assert_yaml_snapshot!(verdicts);
        let silent = judge(&assignment(), &world(None, None), late).unwrap();
        assert_eq!(silent.code, Code::NeverReady);
        assert_eq!(judge(&assignment(), &world(None, None), NOW), None);
    }

    #[test]
    fn who_waits_is_told_at_once() {
        let told = |trouble: Option<Trouble>, refusal: Option<&str>| {
            foreboding(&assignment(), &world(trouble, refusal)).map(|cause| cause.sentence)
        };
        let no_node = NoNode::parse("0/1 nodes are available: 1 Insufficient memory.");
        insta::assert_yaml_snapshot!([
            told(Some(Trouble::Unschedulable(no_node)), None),
            told(Some(Trouble::Exited { code: 1, times: 1, after: Some(3) }), None),
            told(None, Some(QUOTA)),
            told(None, Some("pods \"a-v1-web-\" is forbidden: error looking up service account a/default: not found")),
            // Every process is like this for a moment.
            told(Some(Trouble::Unready { probe: Probe::Startup, found: None }), None),
            told(None, None),
        ]);
    }

    const QUOTA: &str =
        "pods \"a-v1-web-\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4";

    #[test]
    fn refused_pods_get_the_time_that_their_reason_needs() {
        let account = "pods \"a-v1-web-\" is forbidden: error looking up service account a/default: not found";
        let range = "pods \"a-v1-web-\" is forbidden: maximum memory usage per Container is 256Mi, but limit is 512Mi";
        for (words, leaving, seconds) in
            [(account, 0, 15), ("denied by a webhook", 0, 15), (QUOTA, 0, 1), (QUOTA, 1, 120), (range, 0, 0)]
        {
            let refused = World { leaving, ..world(None, Some(words)) };
            let patience = Duration::from_secs(seconds);
            let before = patience.checked_sub(Duration::from_millis(1));
            if let Some(before) = before {
                assert_eq!(judge(&assignment(), &refused, before), None, "{words}");
            }
            assert_eq!(judge(&assignment(), &refused, patience).unwrap().code, Code::PodRefused, "{words}");
        }
    }

    /// A process type whose pods have five minutes to end keeps their place from the next release for as long.
    #[test]
    fn pods_that_leave_slowly_are_waited_for_where_room_is_all_that_is_missing() {
        let mut slow = assignment();
        slow.shape.grace_periods.insert("worker".parse().unwrap(), 300);
        let no_room = || Some(Trouble::Unschedulable(NoNode::parse("0/1 nodes are available: 1 Insufficient memory.")));
        let unmade = |refusal: Option<&str>| {
            let mut world = world(None, refusal);
            world.controllers[0].pods.clear();
            world
        };
        let judged = |world: &World, leaving: usize, seconds: u64| {
            let world = World { leaving, ..world.clone() };
            judge(&slow, &world, Duration::from_secs(seconds)).map(|failure| failure.code)
        };
        for (world, code) in [
            (world(no_room(), None), Code::NoRoom),
            (unmade(None), Code::Unavailable),
            (unmade(Some(QUOTA)), Code::PodRefused),
        ] {
            assert_eq!([120, 299, 300].map(|seconds| judged(&world, 1, seconds)), [None, None, Some(code)]);
            assert_eq!(judged(&world, 0, 120), Some(code), "nothing leaves that could make room");
        }
        let silent = world(Some(Trouble::Unready { probe: Probe::Startup, found: None }), None);
        assert_eq!(judged(&silent, 1, 120), Some(Code::NeverReady), "it has its room");
    }

    #[test]
    fn other_releases_are_not_judged() {
        let mut other = assignment();
        other.release = other.release.next();
        assert_eq!(judge(&other, &world(Some(Trouble::OutOfMemory), None), Duration::MAX), None);
    }
}
