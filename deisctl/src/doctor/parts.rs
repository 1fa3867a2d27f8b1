use super::Finding;
use crate::components::Workload;
use crate::report::{Asked, Report};

pub(super) const AREA: &str = "parts";

/// Each component, and each of its pods that is not as it should be.
pub(super) fn findings(namespace: &str, reports: &[Report]) -> Vec<Finding> {
    reports.iter().flat_map(|report| of(namespace, report)).collect()
}

fn of(namespace: &str, report: &Report) -> Vec<Finding> {
    let (name, standing) = (report.standing.component, &report.standing);
    if report.up {
        return vec![Finding::well(AREA, name, format!("is up, {} ready", standing.ready()))];
    }
    let Some(counts) = &standing.workload else {
        return vec![Finding::fault(AREA, name, "is not installed", "deisctl install")];
    };
    let kind = standing.kind.to_string().to_lowercase();
    if counts.wanted == 0 && standing.kind != Workload::DaemonSet {
        let fix = format!("kubectl -n {namespace} scale {kind} deis-{name} --replicas=1");
        return vec![Finding::fault(AREA, name, "is scaled to nothing", fix)];
    }
    let mut ill = standing.pods.iter().filter_map(|asked| ill(namespace, name, asked)).collect::<Vec<_>>();
    if let Some(rollout) = standing.rollout().filter(|_| standing.serves()) {
        let fix = format!("deisctl journal {name}; kubectl -n {namespace} rollout status {kind} deis-{name}");
        let says = format!("serves as before its newest change, which is not through: {rollout}");
        ill.push(Finding::fault(AREA, name, says, fix));
    }
    if ill.is_empty() {
        let says = format!("has {} pods ready", standing.ready());
        let fix = format!("kubectl -n {namespace} describe {kind} deis-{name}");
        return vec![Finding::fault(AREA, name, says, fix)];
    }
    ill
}

fn ill(namespace: &str, component: &str, Asked { pod, answer }: &Asked) -> Option<Finding> {
    if pod.is_leaving() {
        return None;
    }
    if !pod.ready {
        let fix = format!("deisctl journal {component}; kubectl -n {namespace} describe pod {}", pod.name);
        let says = format!("is not ready: {}, started {} times again", pod.state, pod.restarts);
        return Some(Finding::fault(AREA, &pod.name, says, fix));
    }
    let answer = answer.as_ref().filter(|answer| !answer.well)?;
    Some(Finding::fault(AREA, &pod.name, format!("says: {}", answer.says), format!("deisctl journal {component}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Counts, PodStanding, Standing};
    use crate::probe::Answer;

    fn report(workload: Option<(i32, i32)>, pods: &[(bool, Option<bool>)]) -> Report {
        let pods = pods.iter().map(|(ready, well)| Asked {
            pod: PodStanding {
                name: "deis-state-x".to_owned(),
                state: "CrashLoopBackOff".to_owned(),
                ready: *ready,
                restarts: 3,
                node: None,
                created: None,
            },
            answer: well.map(|well| Answer { well, says: "not serving".to_owned() }),
        });
        Report::new(Standing {
            component: "state",
            kind: Workload::Deployment,
            workload: workload.map(|(ready, wanted)| Counts { wanted, ready, image: String::new(), rollout: None }),
            pods: pods.collect(),
        })
    }

    #[test]
    fn what_is_down_is_told_with_what_to_look_at() {
        let told = |report: Report| {
            let findings = findings("deis", &[report]).into_iter();
            findings
                .map(|it| format!("{} {} => {}", it.subject, it.says, it.fix.unwrap_or_default()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(report(Some((2, 2)), &[(true, Some(true))])), ["state is up, 2/2 ready => "]);
        assert_eq!(told(report(None, &[])), ["state is not installed => deisctl install"]);
        let nothing = "state has 0/2 pods ready => kubectl -n deis describe deployment deis-state";
        assert_eq!(told(report(Some((0, 2)), &[])), [nothing]);
        let none = "state is scaled to nothing => kubectl -n deis scale deployment deis-state --replicas=1";
        assert_eq!(told(report(Some((0, 0)), &[])), [none]);
        let crashing = "deis-state-x is not ready: CrashLoopBackOff, started 3 times again => deisctl journal state; kubectl -n \
                        deis describe pod deis-state-x";
        assert_eq!(told(report(Some((0, 1)), &[(false, None)])), [crashing]);
        let mut changing = report(Some((2, 2)), &[(true, None)]).standing;
        changing.workload.as_mut().unwrap().rollout = Some("1 of 2 pods are new".to_owned());
        let half = "state serves as before its newest change, which is not through: 1 of 2 pods are new => deisctl journal \
                    state; kubectl -n deis rollout status deployment deis-state";
        assert_eq!(told(Report::new(changing)), [half]);
        let unwell = "deis-state-x says: not serving => deisctl journal state";
        assert_eq!(told(report(Some((1, 1)), &[(true, Some(false))])), [unwell]);
    }
}
