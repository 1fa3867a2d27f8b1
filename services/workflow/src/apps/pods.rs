use deis_api::ProcType;
use jiff::Timestamp;

use crate::deploy::PodView;

/// Of an app's pods those that people want to see, the newest first: all that serve or try to, canaries included; not those that
/// have ended or were to be gone already.
#[must_use]
pub fn pod_views(mut pods: Vec<PodView>, proc_type: Option<&ProcType>, now: Timestamp) -> Vec<PodView> {
    pods.retain(|pod| {
        let ended = matches!(pod.state.as_str(), "down" | "crashed");
        let overdue = pod.overdue_at.is_some_and(|deadline| deadline < now);
        !ended && !overdue && proc_type.is_none_or(|kind| *kind == pod.proc_type)
    });
    pods.sort_by(|one, other| other.started.cmp(&one.started).then_with(|| one.name.cmp(&other.name)));
    pods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, state: &str, started: i64, overdue_at: Option<i64>) -> PodView {
        PodView {
            name: name.to_owned(),
            uid: name.to_owned(),
            state: state.to_owned(),
            release: "v2".to_owned(),
            proc_type: if name.contains("worker") { "worker".parse().unwrap() } else { ProcType::web() },
            started: Timestamp::from_second(started).unwrap(),
            overdue_at: overdue_at.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn the_newest_first_and_none_that_has_ended() {
        let pods = vec![
            pod("web-old", "up", 1, None),
            pod("web-new", "up", 5, None),
            pod("worker", "CrashLoopBackOff", 3, None),
            pod("web-leaving", "terminating", 2, Some(101)),
            pod("web-stuck", "terminating", 2, Some(99)),
            pod("web-done", "down", 2, None),
            pod("web-dead", "crashed", 2, None),
        ];
        let now = Timestamp::from_second(100).unwrap();
        let names = |kind: Option<&ProcType>| {
            pod_views(pods.clone(), kind, now).into_iter().map(|pod| pod.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["web-new", "worker", "web-leaving", "web-old"]);
        assert_eq!(names(Some(&"worker".parse().unwrap())), ["worker"]);
        assert!(names(Some(&ProcType::cmd())).is_empty());
    }
}
