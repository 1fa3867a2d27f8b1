//! When a release has failed, and why: one sentence with a stable code.

use std::time::Duration;

use deis_api::{Code, ProcType};

use super::goal::Assignment;
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

/// How often a process may end before its release has failed: once can be bad luck.
const EXITS: u32 = 2;
/// For how long Kubernetes may refuse pods: in a new namespace it does until the service account is there.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(15);

/// Judges a release whose deploy is under way; `stalled` is for how long nothing has moved.
#[must_use]
pub fn judge(assignment: &Assignment, world: &World, stalled: Duration) -> Option<Failure> {
    let ours = || world.controllers.iter().filter(|controller| controller.version == assignment.release);
    let of_pods = ours().flat_map(|controller| controller.pods.iter().map(move |pod| (controller, pod)));
    let unready = of_pods.filter(|(_, pod)| !pod.ready);
    let hopeless = unready.clone().find_map(|(controller, pod)| hopeless(&controller.proc_type, pod));
    let refused = || ours().filter(|_| stalled >= REFUSAL_PATIENCE).find_map(refused);
    let overdue = || unready.clone().next().map(|(controller, pod)| overdue(assignment, &controller.proc_type, pod));
    let missing = || ours().find_map(|controller| missing(assignment, controller));
    let late = || if stalled >= assignment.patience() { overdue().or_else(missing) } else { None };
    hopeless.or_else(refused).or_else(late)
}

/// What no waiting will mend.
fn hopeless(proc_type: &ProcType, pod: &Pod) -> Option<Failure> {
    let (code, message) = match pod.trouble.as_ref()? {
        Trouble::Image(words) => (
            Code::ImagePullFailed,
            format!("The image of {proc_type} cannot be pulled: {words}. Push again to rebuild it."),
        ),
        Trouble::Start(words) => (
            Code::CommandFailed,
            format!("The process {proc_type} cannot be started: {words}. Correct its command in the Procfile."),
        ),
        Trouble::Exited { code: status @ (126 | 127), .. } => (
            Code::CommandFailed,
            format!(
                "The command of {proc_type} is not there or not executable (exit code {status}). Correct it in the Procfile."
            ),
        ),
        Trouble::Exited { code: status, times } if *times >= EXITS => (
            Code::ProcessExited,
            format!(
                "The process {proc_type} ended {times} times, the last time with exit code {status}. Its last lines say why."
            ),
        ),
        Trouble::OutOfMemory => (
            Code::OutOfMemory,
            format!("The process {proc_type} needed more memory than its limit. Raise the limit or make it need less."),
        ),
        Trouble::Exited { .. } | Trouble::Unschedulable(_) => return None,
    };
    Some(Failure { code, message, pod: Some(pod.name.clone()) })
}

fn refused(controller: &Controller) -> Option<Failure> {
    let words = controller.refusal.as_ref()?;
    let message = format!("Kubernetes refuses the pods of {}: {words}.", controller.proc_type);
    Some(Failure { code: Code::PodRefused, message, pod: None })
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

/// What has been waited for long enough.
fn overdue(assignment: &Assignment, proc_type: &ProcType, pod: &Pod) -> Failure {
    let seconds = assignment.patience().as_secs();
    let (code, message) = match &pod.trouble {
        Some(Trouble::Unschedulable(words)) => {
            (Code::NoRoom, format!("No node had room for {proc_type} within {seconds} s: {words}."))
        }
        _ => match assignment.port().filter(|_| assignment.served().as_ref() == Some(proc_type)) {
            Some(port) => (
                Code::NeverReady,
                format!(
                    "The process {proc_type} did not become ready within {seconds} s: it runs, but nothing listens on port \
                     {port} (variable PORT)."
                ),
            ),
            None => (Code::NeverReady, format!("The process {proc_type} did not become ready within {seconds} s.")),
        },
    };
    Failure { code, message, pod: Some(pod.name.clone()) }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use deis_api::ReleaseVersion;
    use deis_kube::apply::Seen;

    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn assignment() -> Assignment {
        Assignment {
            app: "a".parse().unwrap(),
            domains: BTreeSet::new(),
            unsettled: None,
            restarting: BTreeSet::new(),
            allow_root: false,
            destroying: false,
            release: ReleaseVersion::FIRST,
            deploying: true,
            image: Some("i".to_owned()),
            sha: None,
            phase: Default::default(),
            processes: BTreeMap::from([(ProcType::web(), 1)]),
            shape: Default::default(),
            procfile: BTreeMap::new(),
            pulled: None,
            values: BTreeMap::new(),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        }
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
        World { generation: 1, controllers: vec![controller], phases: Vec::new(), service: None }
    }

    fn verdict(trouble: Trouble, stalled: Duration) -> Option<String> {
        judge(&assignment(), &world(Some(trouble), None), stalled)
            .map(|failure| format!("{}: {}", failure.code, failure.message))
    }

    #[test]
    fn what_cannot_mend_fails_at_once() {
        let troubles = [
            Trouble::Image("not found".to_owned()),
            Trouble::Start("no such file".to_owned()),
            Trouble::Exited { code: 127, times: 1 },
            Trouble::Exited { code: 1, times: 2 },
            Trouble::OutOfMemory,
        ];
        insta::assert_yaml_snapshot!(troubles.map(|trouble| verdict(trouble, NOW).unwrap()));
    }

    #[test]
    fn what_can_mend_gets_its_time() {
        let late = Duration::from_secs(120);
        for trouble in [Trouble::Exited { code: 1, times: 1 }, Trouble::Unschedulable("0/1 nodes".to_owned())] {
            assert_eq!(verdict(trouble, late - Duration::from_secs(1)), None);
        }
        let overdue = verdict(Trouble::Unschedulable("0/1 nodes".to_owned()), late).unwrap();
        insta::assert_snapshot!(overdue, @"no-room: No node had room for web within 120 s: 0/1 nodes.");
        let silent = judge(&assignment(), &world(None, None), late).unwrap();
        assert_eq!(silent.code, Code::NeverReady);
        assert_eq!(judge(&assignment(), &world(None, None), NOW), None);
    }

    #[test]
    fn refused_pods_get_the_time_of_a_new_namespace() {
        let refused = world(None, Some("exceeded quota"));
        assert_eq!(judge(&assignment(), &refused, Duration::from_secs(14)), None);
        assert_eq!(judge(&assignment(), &refused, Duration::from_secs(15)).unwrap().code, Code::PodRefused);
    }

    #[test]
    fn other_releases_are_not_judged() {
        let mut other = assignment();
        other.release = other.release.next();
        assert_eq!(judge(&other, &world(Some(Trouble::OutOfMemory), None), Duration::MAX), None);
    }
}
