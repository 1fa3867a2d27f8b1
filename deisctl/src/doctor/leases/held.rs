//! The platform's own leader and locks: are those who have them still there, and do they let go?

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::{AREA, Finding};
use crate::cluster::KubeError;
use crate::components::find;
use crate::forward::ForwardError;
use crate::holdings::{self, Holding, Holdings, HoldingsError, What};

/// Elections that always have a leader while a pod of their component is ready, and what is left undone without one.
const ELECTIONS: [(&str, &str, &str); 1] =
    [("workflow/reconciler", "workflow", "apps for which nobody waits are not looked after")];
/// The builder's limits of a push, in seconds, where the chart does not set them: `services/builder/src/config.rs`.
const PUSH_LIMITS: [(&str, i64); 2] = [("DEIS_BUILD_TIMEOUT", 900), ("DEIS_PUSH_TIMEOUT", 1800)];
/// A deploy in which nothing moves ends after its app's DEIS_DEPLOY_TIMEOUT, two minutes if it has none. One that lasts so long is stuck
/// or belongs to an app that takes its time.
const LONGEST_DEPLOY: SignedDuration = SignedDuration::from_hours(1);
/// Clocks differ, and giving back takes its time.
const GRACE: SignedDuration = SignedDuration::from_mins(1);
/// Characters in the part of a builder's own that stands behind its pod's name, and the longest name there is.
const OWN_PART: usize = 8;
const LONGEST_HOLDER: usize = 63;

/// What the pods and their settings say, against which holders are held.
struct Surroundings<'a> {
    namespace: &'a str,
    pods: &'a [Pod],
    longest_push: SignedDuration,
    now: Timestamp,
}

/// Who leads and who holds locks. A state that is not ready is told among the parts, a certificate that is missing among the Secrets.
pub(super) async fn look(client: &Client, namespace: &str) -> Result<Vec<Finding>, KubeError> {
    let held = match holdings::all(client, namespace).await {
        Ok(held) => held,
        Err(error) => return Ok(silent(&error).into_iter().collect()),
    };
    // Not before: whoever took a lock meanwhile has a pod by then.
    let pods = Api::<Pod>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?.items;
    let builder = Api::<Deployment>::namespaced(client.clone(), namespace).get_opt("deis-builder").await?;
    let longest_push = longest_push(builder.as_ref());
    let surroundings = Surroundings { namespace, pods: &pods, longest_push, now: Timestamp::now() };
    Ok(surroundings.findings(&held))
}

/// An earlier version, which an upgrade is about to replace, is no fault.
fn silent(error: &HoldingsError) -> Option<Finding> {
    let fix = match error {
        HoldingsError::NotTold => {
            return Some(Finding::well(AREA, "deis-state", "is of a version that does not tell who leads"));
        }
        HoldingsError::NoPod
        | HoldingsError::Forward(ForwardError::Missing | ForwardError::Incomplete(_) | ForwardError::Tls(_)) => {
            return None;
        }
        HoldingsError::Look(_) | HoldingsError::Forward(ForwardError::Read(_)) => "use an account that may read them",
        HoldingsError::Call(_) => "deisctl journal state; deisctl restart state",
    };
    let says = format!("does not tell who leads and who holds locks: {}", holdings::sentence(error));
    Some(Finding::fault(AREA, "deis-state", says, fix))
}

/// How long a push may hold its app's lock.
fn longest_push(builder: Option<&Deployment>) -> SignedDuration {
    let pod = builder.and_then(|builder| builder.spec.as_ref()?.template.spec.as_ref());
    let limit = |(name, default): (&str, i64)| {
        let mut variables = pod.iter().flat_map(|pod| &pod.containers).flat_map(|one| one.env.iter().flatten());
        let value = variables.find(|variable| variable.name == name).and_then(|variable| variable.value.as_ref());
        value.and_then(|value| value.parse::<i64>().ok()).unwrap_or(default)
    };
    SignedDuration::from_secs(PUSH_LIMITS.into_iter().map(limit).fold(0, i64::saturating_add))
}

impl Surroundings<'_> {
    fn findings(&self, held: &Holdings) -> Vec<Finding> {
        let leaderless = ELECTIONS.iter().filter_map(|(election, component, undone)| {
            let led = held.holdings.iter().any(|one| one.kind == What::Leader && one.name == *election);
            (!led && !held.truncated && self.has_ready(component)).then(|| {
                let fix = format!("deisctl journal {component}; deisctl restart {component}");
                Finding::fault(AREA, *election, format!("is led by nobody: {undone}"), fix)
            })
        });
        let found = held.holdings.iter().filter_map(|holding| match holding.kind {
            What::Leader => Some(self.leader(holding)),
            What::Lock => Some(self.lock(holding)),
            // Those that wait, and leases on which nothing hangs, are in nobody's way.
            What::Candidate | What::Lease => None,
        });
        let more = held.truncated.then(|| {
            let says = format!("has more to tell; the first {} were looked at", held.holdings.len());
            Finding::well(AREA, "deis-state", says)
        });
        leaderless.chain(found).chain(more).collect()
    }

    fn leader(&self, leader: &Holding) -> Finding {
        let says = format!("is led by {}", leader.holder);
        match self.pod_of(&leader.holder) {
            Some(_) => Finding::well(AREA, &leader.name, says),
            None => gone(leader, &format!("{says}, whose pod is gone; another one takes over")),
        }
    }

    fn lock(&self, lock: &Holding) -> Finding {
        let user = if lock.user.is_empty() { String::new() } else { format!(" by {}", lock.user) };
        let says = format!("is held by {} for {}{user}", lock.holder, lock.purpose);
        let Some(pod) = self.pod_of(&lock.holder) else {
            return gone(lock, &format!("{says}, and its pod is gone; the lock ends"));
        };
        let (component, what, may, limit, ends) = match lock.name.split_once('/') {
            Some(("push", _)) => ("builder", "push", "may", self.longest_push, "whose other pushes end too"),
            _ => ("workflow", "deploy", "should", LONGEST_DEPLOY, "whose deploys another one takes over"),
        };
        let age = lock.since.map(|since| self.now.duration_since(since)).filter(|age| *age > limit + GRACE);
        let Some(age) = age else { return Finding::well(AREA, &lock.name, says) };
        let says = format!("{says} since {} min; a {what} {may} take {} min at most", age.as_mins(), limit.as_mins());
        let fix = format!(
            "deisctl journal {component}; if the {what} does not go on there, replace the pod, {ends}: kubectl -n {} delete pod {}",
            self.namespace,
            pod.name_any(),
        );
        Finding::fault(AREA, &lock.name, says, fix)
    }

    /// The pod that a holder's process runs in. One that has ended is none.
    fn pod_of(&self, holder: &str) -> Option<&Pod> {
        self.pods.iter().filter(|pod| !has_ended(pod)).find(|pod| is_of(holder, &pod.name_any()))
    }

    fn has_ready(&self, component: &str) -> bool {
        let app = find(component).map(|component| component.object_name());
        let is_ours = |pod: &&Pod| deis_kube::labels::label(&pod.metadata, "app") == app.as_deref();
        self.pods.iter().filter(is_ours).any(deis_kube::pod_state::is_ready)
    }
}

/// A lease outlives its process for seconds; one that does not end has a process that Kubernetes does not see.
fn gone(holding: &Holding, says: &str) -> Finding {
    let left = holding.remaining_seconds;
    let fix = format!(
        "wait {left} s; if it is still there then, its process runs on a node that Kubernetes has lost: kubectl get nodes"
    );
    Finding::fault(AREA, &holding.name, format!("{says} within {left} s"), fix)
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// A holder is called like its pod. A builder's process has a part of its own behind that, and the pod's name is cut to make room.
fn is_of(holder: &str, pod: &str) -> bool {
    let room = LONGEST_HOLDER - OWN_PART - 1;
    let cut = pod.get(..room).unwrap_or(pod).trim_matches('-');
    let own_part = holder.strip_prefix(cut).and_then(|rest| rest.strip_prefix('-'));
    holder == pod
        || own_part.is_some_and(|part| part.len() == OWN_PART && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn pod(name: &str, phase: &str) -> Pod {
        let app = name.rsplit_once('-').unwrap().0;
        from_value(json!({
            "metadata": { "name": name, "labels": { "app": app } },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": "True" }] },
        }))
        .unwrap()
    }

    fn holding(kind: What, name: &str, holder: &str, since: &str) -> Holding {
        let of_lock = |text: &str| if kind == What::Lock { text.to_owned() } else { String::new() };
        Holding {
            kind,
            name: name.to_owned(),
            holder: holder.to_owned(),
            user: if name.starts_with("push/") { "ada".to_owned() } else { String::new() },
            purpose: of_lock(if name.starts_with("push/") { "git push" } else { "deploy" }),
            since: Some(since.parse().unwrap()),
            time_to_live_seconds: 30,
            remaining_seconds: 21,
            renewed: true,
        }
    }

    /// What is found at noon, beside a workflow that leads unless it says otherwise.
    fn found(holdings: Vec<Holding>, pods: &[Pod]) -> Vec<String> {
        let longest_push = longest_push(None);
        let now = "2026-11-28T12:00:00Z".parse().unwrap();
        let surroundings = Surroundings { namespace: "deis", pods, longest_push, now };
        let findings = surroundings.findings(&Holdings { holdings, truncated: false });
        let shown = findings.into_iter().map(|found| match found.fix {
            Some(fix) => format!("{} {} > {fix}", found.subject, found.says),
            None => format!("{} {}", found.subject, found.says),
        });
        shown.collect()
    }

    #[test]
    fn a_leader_has_a_pod() {
        let leader = |holder| vec![holding(What::Leader, "workflow/reconciler", holder, "2026-11-28T11:00:00Z")];
        let workflow = [pod("deis-workflow-a", "Running")];
        assert_eq!(found(leader("deis-workflow-a"), &workflow), ["workflow/reconciler is led by deis-workflow-a"]);
        let gone = "workflow/reconciler is led by deis-workflow-b, whose pod is gone; another one takes over within 21 s > \
                    wait 21 s; if it is still there then, its process runs on a node that Kubernetes has lost: kubectl get nodes";
        assert_eq!(found(leader("deis-workflow-b"), &workflow), [gone]);
        let ended = [pod("deis-workflow-a", "Running"), pod("deis-workflow-b", "Failed")];
        assert_eq!(found(leader("deis-workflow-b"), &ended), [gone]);
        let nobody = "workflow/reconciler is led by nobody: apps for which nobody waits are not looked after > \
                      deisctl journal workflow; deisctl restart workflow";
        assert_eq!(found(vec![], &workflow), [nobody]);
        let candidate = holding(What::Candidate, "workflow/reconciler", "deis-workflow-a", "2026-11-28T11:00:00Z");
        assert_eq!(found(vec![candidate], &workflow), [nobody]);
        // Without a workflow nobody can lead; the parts tell of that.
        assert_eq!(found(vec![], &[pod("deis-builder-a", "Running")]), [""; 0]);
    }

    #[test]
    fn a_lock_has_a_holder_that_is_there_and_lets_go() {
        let pods = [pod("deis-builder-a", "Running"), pod("deis-workflow-a", "Running")];
        let lock = |name, holder, since| {
            let leader = holding(What::Leader, "workflow/reconciler", "deis-workflow-a", since);
            found(vec![leader, holding(What::Lock, name, holder, since)], &pods).pop().unwrap()
        };
        assert_eq!(
            lock("push/app", "deis-builder-a-0123abcd", "2026-11-28T11:15:00Z"),
            "push/app is held by deis-builder-a-0123abcd for git push by ada"
        );
        assert_eq!(
            lock("push/app", "deis-builder-a-0123abcd", "2026-11-28T11:13:00Z"),
            "push/app is held by deis-builder-a-0123abcd for git push by ada since 47 min; a push may take 45 min at most > \
             deisctl journal builder; if the push does not go on there, replace the pod, whose other pushes end too: kubectl -n \
             deis delete pod deis-builder-a"
        );
        assert_eq!(
            lock("push/app", "deis-builder-b-0123abcd", "2026-11-28T11:59:00Z"),
            "push/app is held by deis-builder-b-0123abcd for git push by ada, and its pod is gone; the lock ends within 21 s > \
             wait 21 s; if it is still there then, its process runs on a node that Kubernetes has lost: kubectl get nodes"
        );
        assert_eq!(
            lock("deploy/app", "deis-workflow-a", "2026-11-28T11:00:00Z"),
            "deploy/app is held by deis-workflow-a for deploy"
        );
        assert_eq!(
            lock("deploy/app", "deis-workflow-a", "2026-11-28T10:58:00Z"),
            "deploy/app is held by deis-workflow-a for deploy since 62 min; a deploy should take 60 min at most > deisctl journal \
             workflow; if the deploy does not go on there, replace the pod, whose deploys another one takes over: kubectl -n deis \
             delete pod deis-workflow-a"
        );
    }

    #[test]
    fn a_builders_process_is_of_its_pod() {
        assert!(is_of("deis-workflow-a", "deis-workflow-a"));
        assert!(is_of("deis-builder-5d4f8c7b9-x7k2p-0123abcd", "deis-builder-5d4f8c7b9-x7k2p"));
        let long = "a".repeat(60);
        assert!(is_of(&format!("{}-0123abcd", "a".repeat(54)), &long));
        for holder in ["deis-builder-a-0123abc", "deis-builder-a-x123abcd", "deis-builder-ab", "deis-builder", ""] {
            assert!(!is_of(holder, "deis-builder-a"), "{holder}");
        }
    }

    #[test]
    fn how_long_a_push_may_take_stands_in_the_builders_settings() {
        let builder = |env: serde_json::Value| -> Deployment {
            let containers = json!([{ "name": "builder", "env": env }]);
            from_value(json!({ "spec": { "selector": {}, "template": { "spec": { "containers": containers } } } }))
                .unwrap()
        };
        assert_eq!(longest_push(None).as_mins(), 45);
        assert_eq!(longest_push(Some(&builder(json!([])))).as_mins(), 45);
        let env = json!([{ "name": "DEIS_BUILD_TIMEOUT", "value": "3600" }]);
        assert_eq!(longest_push(Some(&builder(env))).as_mins(), 90);
    }

    #[test]
    fn a_state_that_does_not_answer_is_a_fault_and_an_old_one_is_none() {
        assert!(silent(&HoldingsError::NotTold).unwrap().well);
        let away = HoldingsError::Call(tonic::Status::unavailable("etcd cannot be reached"));
        let says =
            "does not tell who leads and who holds locks: component state does not answer: etcd cannot be reached";
        let fix = "deisctl journal state; deisctl restart state";
        assert_eq!(silent(&away), Some(Finding::fault(AREA, "deis-state", says, fix)));
        // Other areas tell of these.
        assert_eq!(silent(&HoldingsError::NoPod), None);
        assert_eq!(silent(&HoldingsError::Forward(ForwardError::Missing)), None);
    }
}
