//! From Kubernetes' objects to the world of the plan, and to the pods that people see.

use std::collections::BTreeSet;
use std::ops::Deref;

use deis_api::{AppName, ReleaseVersion};
use deis_kube::apply::{self, Seen};
use deis_kube::objects::Drain;
use deis_kube::objects::Routing;
use deis_kube::{labels, names, objects, pod_state};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod as KubePod, ReplicationController, Service as KubeService};

use super::cache::Objects;
use super::trouble;
use crate::deploy::PodView;
use crate::deploy::phase::{Phase, PhaseState};
use crate::deploy::world::{Autoscaler, Budget, Controller, Pod, Served, Service, World};

/// How long a process that nobody probes must have run before it counts as ready: one that ends at once is ready for a moment too.
const UNPROBED: SignedDuration = SignedDuration::from_secs(3);

/// What the plan sees of an app.
pub(super) fn world(
    objects: &Objects,
    app: &AppName,
    served: &Served,
    reachable: &BTreeSet<String>,
    now: Timestamp,
) -> World {
    let service = objects.services.get(app.as_str()).map(Deref::deref);
    let service = service.map(|object| Service { seen: Seen::of(object), drain: Drain::of(&object.metadata) });
    let is_draining = |uid: &str| service.as_ref().is_some_and(|service| service.drain.leaving.contains(uid));
    // The routers send to these as long as their Services are there, whatever is wanted by now, and as soon as they are.
    let of_paths = objects.services.values().filter(|service| objects::is_of_paths(&service.metadata));
    let of_paths = of_paths.filter_map(|service| labels::proc_type(&service.metadata));
    let of_paths = of_paths.chain(served.paths.iter().cloned()).collect::<BTreeSet<_>>();
    let controllers = objects.controllers.values().map(Deref::deref).filter_map(|object| {
        let version = labels::version(&object.metadata)?;
        let proc_type = labels::proc_type(&object.metadata)?;
        let pods = objects.pods.values().filter(|pod| {
            labels::version(&pod.metadata) == Some(version)
                && labels::proc_type(&pod.metadata).as_ref() == Some(&proc_type)
                && !is_leaving(pod)
        });
        let (is_served, has_paths) = (served.contains(&proc_type), of_paths.contains(&proc_type));
        // What is counted as soon as it is ready; pods that are older than their paths need not be probed.
        let is_judged = |pod: &KubePod| served.app.as_ref() == Some(&proc_type) || (is_served && is_probed(pod));
        let pods = pods.map(|pod| {
            let seen = seen(objects, pod, is_judged(pod), now);
            Pod {
                routed: seen.routed || has_paths,
                reachable: !is_served || reachable.contains(&seen.uid),
                draining: is_draining(&seen.uid),
                ..seen
            }
        });
        let pods = pods.collect();
        let replicas = object.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        Some(Controller {
            seen: Seen::of(object),
            version,
            replicas: u32::try_from(replicas).unwrap_or(0),
            pods,
            refusal: refusal(object),
            proc_type,
        })
    });
    let controllers = controllers.collect();
    let processes = objects.pods.values().filter(|pod| labels::proc_type(&pod.metadata).is_some());
    let leaving = processes.filter(|pod| pod.metadata.deletion_timestamp.is_some()).count();
    let (generation, phases, budgets) = (objects.generation(), phases(objects, now), budgets(objects, app));
    World { generation, controllers, phases, service, budgets, autoscalers: autoscalers(objects, app), leaving }
}

/// The disruption budgets of an app's process types.
fn budgets(objects: &Objects, app: &AppName) -> Vec<Budget> {
    let budgets = objects.budgets.values().map(Deref::deref).filter_map(|object| {
        let proc_type = labels::proc_type(&object.metadata)?;
        let desired = objects::budget(app, &proc_type);
        // One of another name is none that we look after.
        let is_ours = object.metadata.name == desired.metadata.name;
        let made = object.metadata.name.as_ref().and_then(|name| objects.remembered.budgets.get(name));
        let is_made = made.is_some_and(|made| made.is(object, &desired));
        // In the place of one that is going nothing can be made.
        let is_going = object.metadata.deletion_timestamp.is_some();
        let is_right = is_made || is_going || apply::is_as_described(object, &desired);
        is_ours.then(|| Budget { seen: Seen::of(object), proc_type, is_right })
    });
    budgets.collect()
}

/// The autoscalers of an app's process types.
fn autoscalers(objects: &Objects, app: &AppName) -> Vec<Autoscaler> {
    let autoscalers = objects.autoscalers.values().map(Deref::deref).filter_map(|object| {
        let (version, proc_type) = (labels::version(&object.metadata), labels::proc_type(&object.metadata)?);
        // One of another name is none that we look after.
        let is_ours = object.metadata.name == Some(names::of_type(app, &proc_type));
        let described = |version, rule| objects::autoscaler(app, version, &proc_type, rule);
        let made = object.metadata.name.as_ref().and_then(|name| objects.remembered.autoscalers.get(name));
        let made = made.filter(|(version, rule, made)| made.is(object, &described(*version, *rule)));
        let own = version.zip(objects::autoscale_rule(object));
        let own = own.filter(|(version, rule)| apply::is_as_described(object, &described(*version, *rule)));
        let scales = made.map(|(version, rule, _)| (*version, *rule)).or(own);
        is_ours.then(|| Autoscaler { seen: Seen::of(object), proc_type, scales })
    });
    autoscalers.collect()
}

/// How far the release phases are that have a pod.
fn phases(objects: &Objects, now: Timestamp) -> Vec<Phase> {
    let pods = objects.pods.values().filter(|pod| labels::is_release_phase(&pod.metadata));
    let phases = pods.filter_map(|pod| {
        let state = match pod.status.as_ref().and_then(|status| status.phase.as_deref()) {
            Some("Succeeded") => PhaseState::Succeeded,
            Some("Failed") => PhaseState::Failed(exit_code(pod)),
            _ => PhaseState::Running(trouble::of(pod, &[], now)),
        };
        let pod_name = pod.metadata.name.clone().unwrap_or_default();
        Some(Phase { version: labels::version(&pod.metadata)?, pod: pod_name, state })
    });
    phases.collect()
}

/// `None` when it was not the process that ended by itself.
fn exit_code(pod: &KubePod) -> Option<i32> {
    if pod.status.as_ref()?.reason.as_deref() == Some("DeadlineExceeded") {
        return None;
    }
    Some(pod_state::container(pod)?.state.as_ref()?.terminated.as_ref()?.exit_code)
}

/// Names and uids of the pods of release phases that nobody needs any more who deploys `keep` under this fence. That of `keep` itself
/// stays: its name keeps whoever was overtaken, and comes late, from running the command once more. Those of others were left behind
/// with their environment, without which they do not start.
pub(super) fn idle_phase_pods(objects: &Objects, keep: ReleaseVersion, fence: i64) -> Vec<(String, String)> {
    let pods = objects.pods.values().filter(|pod| labels::is_release_phase(&pod.metadata));
    let pods = pods.filter(|pod| labels::version(&pod.metadata) != Some(keep) && labels::fence(&pod.metadata) <= fence);
    let pods = pods.filter_map(|pod| Some((pod.metadata.name.clone()?, pod.metadata.uid.clone()?)));
    pods.collect()
}

/// A pod that is on its way out, or has ended: its controller makes another one.
fn is_leaving(pod: &KubePod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed"))
}

/// A pod by itself. One that is not `is_judged` by the kubelet has to have run for a while.
fn seen(objects: &Objects, pod: &KubePod, is_judged: bool, now: Timestamp) -> Pod {
    Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        ready: pod_state::is_ready(pod) && (is_judged || runs_since(pod, now) >= UNPROBED),
        routed: labels::label(&pod.metadata, labels::BACKEND) == Some("true"),
        reachable: true,
        draining: false,
        trouble: trouble::of(pod, &objects.found(pod), now),
        record: trouble::record(pod),
    }
}

fn is_probed(pod: &KubePod) -> bool {
    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.any(|container| container.startup_probe.is_some() || container.readiness_probe.is_some())
}

fn runs_since(pod: &KubePod, now: Timestamp) -> SignedDuration {
    let state = pod_state::container(pod).and_then(|container| container.state.as_ref());
    let started = state.and_then(|state| state.running.as_ref()).and_then(|running| running.started_at.as_ref());
    started.map_or(SignedDuration::ZERO, |started| now.duration_since(started.0))
}

fn refusal(object: &ReplicationController) -> Option<String> {
    let conditions = object.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|condition| condition.type_ == "ReplicaFailure")?;
    (failure.status == "True").then(|| failure.message.clone().unwrap_or_default())
}

/// Whether the app's Services are what they should be, and there are no others.
pub(super) fn is_served(objects: &Objects, app: &AppName, routing: &Routing) -> bool {
    let is_there = |wanted: &KubeService| {
        let found = wanted.metadata.name.as_ref().and_then(|name| objects.services.get(name)).map(Deref::deref);
        found.is_some_and(|service| apply::is_as_described(service, wanted))
    };
    is_there(&objects::service(app, routing))
        && objects::services_of_paths(app, routing).iter().all(is_there)
        && idle_services(objects, app, routing).is_empty()
}

/// The Services of process types that have no paths of the app any more.
pub(super) fn idle_services(objects: &Objects, app: &AppName, routing: &Routing) -> Vec<Seen> {
    let wanted = routing.rules.services.keys().map(|kind| names::of_type(app, kind)).collect::<BTreeSet<_>>();
    let of_paths = objects.services.iter().filter(|(_, service)| objects::is_of_paths(&service.metadata));
    of_paths.filter(|(name, _)| !wanted.contains(*name)).map(|(_, service)| Seen::of(service.as_ref())).collect()
}

/// What people see of an app: pods of its process types, canaries included.
pub(super) fn views(objects: &Objects, now: Timestamp) -> Vec<PodView> {
    let views = objects.pods.values().filter_map(|pod| {
        let release = match labels::version(&pod.metadata) {
            Some(version) => version.to_string(),
            None if labels::is_canary(&pod.metadata) => labels::CANARY.to_owned(),
            None => return None,
        };
        let started = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
        Some(PodView {
            name: pod.metadata.name.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            state: pod_state::of(pod),
            release,
            proc_type: labels::proc_type(&pod.metadata)?,
            started: started.map_or(now, |started| started.0),
            overdue_at: pod.metadata.deletion_timestamp.as_ref().map(|deadline| deadline.0),
        })
    });
    views.collect()
}

#[cfg(test)]
mod tests;
