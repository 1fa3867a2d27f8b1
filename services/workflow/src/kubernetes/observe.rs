//! From Kubernetes' objects to the world of the plan, and to the pods that people see.

use std::collections::BTreeSet;
use std::ops::Deref;

use deis_api::{AppName, ProcType, ReleaseVersion};
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
use crate::deploy::world::{Autoscaler, Budget, Controller, Pod, Service, World};

/// How long a process that nobody probes must have run before it counts as ready: one that ends at once is ready for a moment too.
const UNPROBED: SignedDuration = SignedDuration::from_secs(3);

/// What the plan sees of an app.
pub(super) fn world(
    objects: &Objects,
    app: &AppName,
    served: Option<&ProcType>,
    reachable: &BTreeSet<String>,
    now: Timestamp,
) -> World {
    let service = objects.services.get(app.as_str()).map(Deref::deref);
    let service = service.map(|object| Service { seen: Seen::of(object), drain: Drain::of(&object.metadata) });
    let is_draining = |uid: &str| service.as_ref().is_some_and(|service| service.drain.leaving.contains(uid));
    let controllers = objects.controllers.values().map(Deref::deref).filter_map(|object| {
        let version = labels::version(&object.metadata)?;
        let proc_type = labels::proc_type(&object.metadata)?;
        let is_served = served == Some(&proc_type);
        let pods = objects.pods.values().filter(|pod| {
            labels::version(&pod.metadata) == Some(version)
                && labels::proc_type(&pod.metadata).as_ref() == Some(&proc_type)
                && !is_leaving(pod)
        });
        let pods = pods.map(|pod| seen(objects, pod, is_served, reachable, now));
        let pods = pods.map(|pod| Pod { draining: is_draining(&pod.uid), ..pod }).collect();
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

fn seen(objects: &Objects, pod: &KubePod, is_served: bool, reachable: &BTreeSet<String>, now: Timestamp) -> Pod {
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    Pod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        ready: pod_state::is_ready(pod) && (is_served || runs_since(pod, now) >= UNPROBED),
        routed: labels::label(&pod.metadata, labels::BACKEND) == Some("true"),
        reachable: !is_served || reachable.contains(&uid),
        draining: false,
        trouble: trouble::of(pod, &objects.found(pod), now),
        record: trouble::record(pod),
        uid,
    }
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
mod tests {
    use std::collections::BTreeMap;

    use deis_kube::objects::Rules;
    use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn pod(name: &str, version: &str, kind: &str, started: &str, leaving: bool) -> KubePod {
        let deletion = leaving.then_some("2026-01-01T00:02:00Z");
        serde_json::from_value(json!({
            "metadata": {
                "name": name, "uid": name, "namespace": "a", "deletionTimestamp": deletion,
                "labels": { "app": "a", "heritage": "deis", "version": version, "type": kind },
            },
            "status": {
                "phase": "Running",
                "startTime": started,
                "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": [{
                    "name": kind, "image": "", "imageID": "", "ready": true, "restartCount": 0,
                    "state": { "running": { "startedAt": started } },
                }],
            },
        }))
        .unwrap()
    }

    fn app() -> AppName {
        "a".parse().unwrap()
    }

    fn controller(version: &str, kind: &str, replicas: i32) -> ReplicationController {
        serde_json::from_value(json!({
            "metadata": {
                "name": format!("a-{version}-{kind}"), "uid": "u", "resourceVersion": "7", "namespace": "a",
                "annotations": { "deis.io/fence": "3" },
                "labels": { "app": "a", "heritage": "deis", "version": version, "type": kind },
            },
            "spec": { "replicas": replicas },
        }))
        .unwrap()
    }

    fn objects() -> Objects {
        let mut objects = Objects::default();
        for controller in [controller("v2", "web", 2), controller("v2", "worker", 2)] {
            objects.controllers.insert(controller.metadata.name.clone().unwrap(), controller.into());
        }
        for pod in [
            pod("web-1", "v2", "web", "2026-01-01T00:00:59Z", false),
            pod("web-leaving", "v2", "web", "2026-01-01T00:00:00Z", true),
            pod("web-canary", "canary", "web", "2026-01-01T00:00:00Z", false),
            pod("worker-new", "v2", "worker", "2026-01-01T00:00:59Z", false),
            pod("worker-old", "v2", "worker", "2026-01-01T00:00:50Z", false),
            pod("a-build-1", "v2", "build", "2026-01-01T00:00:50Z", false),
        ] {
            objects.pods.insert(pod.metadata.name.clone().unwrap(), pod.into());
        }
        objects
    }

    #[test]
    fn canaries_and_leaving_pods_are_not_counted() {
        let world = world(&objects(), &app(), Some(&ProcType::web()), &BTreeSet::new(), NOW.parse().unwrap());
        let web = &world.controllers[0];
        assert_eq!(web.pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["web-1"]);
        assert_eq!((web.replicas, web.seen.fence, web.seen.resource_version.as_str()), (2, 3, "7"));
        assert_eq!((web.ready(), web.serving()), (1, 0), "ready, but in no router's table");
        assert_eq!(world.leaving, 1);
    }

    #[test]
    fn what_nobody_probes_has_to_run_for_a_while() {
        let world = world(&objects(), &app(), Some(&ProcType::web()), &BTreeSet::new(), NOW.parse().unwrap());
        let worker = &world.controllers[1];
        let ready = worker.pods.iter().map(|pod| (pod.name.as_str(), pod.serves())).collect::<Vec<_>>();
        assert_eq!(ready, [("worker-new", false), ("worker-old", true)]);
    }

    #[test]
    fn the_service_says_which_pods_are_drained_and_their_labels_which_it_selects() {
        let mut objects = objects();
        objects
            .pods
            .get_mut("web-1")
            .unwrap()
            .metadata
            .labels
            .as_mut()
            .unwrap()
            .insert(labels::BACKEND.to_owned(), "true".to_owned());
        let look = |objects: &Objects| {
            let reachable = BTreeSet::from(["web-1".to_owned()]);
            world(objects, &app(), Some(&ProcType::web()), &reachable, NOW.parse().unwrap())
        };
        assert_eq!((look(&objects).service, look(&objects).controllers[0].serving()), (None, 1));
        let mut service = deis_kube::objects::service(&app(), &Routing::default());
        let drain = Drain { epoch: 7, leaving: ["web-1".to_owned(), "gone".to_owned()].into() };
        service.metadata.annotations.as_mut().unwrap().insert(labels::DRAIN.to_owned(), drain.to_string());
        assert!(apply::is_as_described(&service, &deis_kube::objects::service(&app(), &Routing::default())));
        objects.services.insert("a".to_owned(), service.into());
        let world = look(&objects);
        assert_eq!((world.draining(), world.service.unwrap().drain), (Some(7), drain));
        let [web, worker] = &world.controllers[..] else { panic!("two controllers") };
        assert_eq!((web.ready(), web.serving()), (1, 0));
        assert!(web.pods[0].draining && web.pods[0].gets_requests());
        assert!(worker.pods.iter().all(|pod| !pod.draining && !pod.gets_requests()));
    }

    #[test]
    fn a_budget_is_right_as_it_was_made_and_not_otherwise() {
        let mut objects = objects();
        let mut right = deis_kube::objects::budget(&app(), &ProcType::web());
        right.metadata.annotations = Some(BTreeMap::from([(labels::FENCE.to_owned(), "3".to_owned())]));
        let look = |objects: &Objects| {
            let world = world(objects, &app(), None, &BTreeSet::new(), NOW.parse().unwrap());
            world.budgets.iter().map(|budget| (budget.proc_type.to_string(), budget.is_right)).collect::<Vec<_>>()
        };
        objects.budgets.insert("a-web".to_owned(), right.clone().into());
        assert_eq!(look(&objects), [("web".to_owned(), true)]);
        let mut changed = right.clone();
        let spec = changed.spec.as_mut().unwrap();
        spec.max_unavailable = None;
        spec.min_available = Some(IntOrString::Int(2));
        objects.budgets.insert("a-web".to_owned(), changed.into());
        assert_eq!(look(&objects), [("web".to_owned(), false)]);
        let mut of_another_name = right;
        of_another_name.metadata.name = Some("mine".to_owned());
        objects.budgets = [("mine".to_owned(), of_another_name.into())].into();
        assert_eq!(look(&objects), []);
    }

    #[test]
    fn an_autoscaler_says_what_it_scales_unless_somebody_has_changed_it() {
        let rule = deis_api::rest::Autoscale { min: 2, max: 8, cpu_percent: 75 };
        let version = "v2".parse().unwrap();
        let mut made = deis_kube::objects::autoscaler(&app(), version, &ProcType::web(), rule);
        made.metadata.annotations = Some(BTreeMap::from([(labels::FENCE.to_owned(), "3".to_owned())]));
        let look = |object: &HorizontalPodAutoscaler| {
            let mut objects = Objects::default();
            objects.autoscalers.insert("a-web".to_owned(), object.clone().into());
            world(&objects, &app(), None, &BTreeSet::new(), NOW.parse().unwrap()).autoscalers[0].scales
        };
        assert_eq!(look(&made), Some((version, rule)));
        made.spec.as_mut().unwrap().max_replicas = 9;
        assert_eq!(look(&made), Some((version, deis_api::rest::Autoscale { max: 9, ..rule })));
        made.spec.as_mut().unwrap().scale_target_ref.name = "a-v1-web".to_owned();
        assert_eq!(look(&made), None);
    }

    #[test]
    fn release_phases_are_seen_apart_from_processes() {
        let mut objects = objects();
        let mut ended = |version: &str, phase: &str, reason: Option<&str>, exit_code: i32| {
            let mut ended = pod(&format!("a-{version}-release"), version, "release", "2026-01-01T00:00:50Z", false);
            let status = ended.status.as_mut().unwrap();
            (status.phase, status.reason) = (Some(phase.to_owned()), reason.map(str::to_owned));
            let state = serde_json::from_value(json!({ "terminated": { "exitCode": exit_code } })).unwrap();
            status.container_statuses.as_mut().unwrap()[0].state = Some(state);
            objects.pods.insert(ended.metadata.name.clone().unwrap(), ended.into());
        };
        ended("v2", "Succeeded", None, 0);
        ended("v3", "Failed", None, 7);
        ended("v4", "Failed", Some("DeadlineExceeded"), 143);
        ended("v5", "Pending", None, 0);
        let world = world(&objects, &app(), None, &BTreeSet::new(), NOW.parse().unwrap());
        let states = world.phases.into_iter().map(|phase| phase.state).collect::<Vec<_>>();
        assert_eq!(states[..3], [PhaseState::Succeeded, PhaseState::Failed(Some(7)), PhaseState::Failed(None)]);
        assert!(matches!(states[3], PhaseState::Running(_)));
        let annotations = BTreeMap::from([(labels::FENCE.to_owned(), "9".to_owned())]);
        objects.pods.get_mut("a-v5-release").unwrap().metadata.annotations = Some(annotations);
        let idle = |fence: i64| {
            let keep = ReleaseVersion::FIRST.next().next();
            let idle = idle_phase_pods(&objects, keep, fence);
            idle.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(idle(9), ["a-v2-release", "a-v4-release", "a-v5-release"], "v3 is what is deployed");
        assert_eq!(idle(8), ["a-v2-release", "a-v4-release"], "somebody who has taken over runs v5's");
        assert!(views(&objects, NOW.parse().unwrap()).iter().all(|view| !view.name.contains("release")));
    }

    #[test]
    fn a_service_that_somebody_changed_is_not_what_it_should_be() {
        let app = "a".parse().unwrap();
        let routing = Routing { domains: [deis_api::Hostname::from(&app)].into(), ..Routing::default() };
        let mut objects = Objects::default();
        assert!(!is_served(&objects, &app, &routing), "it is gone");
        let mut service = deis_kube::objects::service(&app, &routing);
        objects.services.insert("a".to_owned(), service.clone().into());
        assert!(is_served(&objects, &app, &routing));
        service.metadata.annotations.as_mut().unwrap().insert(labels::DOMAINS.to_owned(), "stolen".to_owned());
        objects.services.insert("a".to_owned(), service.into());
        assert!(!is_served(&objects, &app, &routing));
    }

    #[test]
    fn a_service_of_paths_is_there_as_long_as_somebody_wants_it() {
        let app = "a".parse().unwrap();
        let (mut routing, mut objects) = (Routing::default(), Objects::default());
        routing.rules.services = [("api".parse().unwrap(), "/api".to_owned())].into();
        let put = |objects: &mut Objects, service: KubeService| {
            objects.services.insert(service.metadata.name.clone().unwrap(), service.into());
        };
        put(&mut objects, deis_kube::objects::service(&app, &routing));
        assert!(!is_served(&objects, &app, &routing), "it is to be made");
        for service in deis_kube::objects::services_of_paths(&app, &routing) {
            put(&mut objects, service);
        }
        assert!(is_served(&objects, &app, &routing));
        let others = [("api".parse().unwrap(), "/v2".to_owned())].into();
        let changed = Routing { rules: Rules { services: others, ..Rules::default() }, ..Routing::default() };
        assert!(!is_served(&objects, &app, &changed), "it is to have other paths");
        assert!(idle_services(&objects, &app, &changed).is_empty());
        let idle = idle_services(&objects, &app, &Routing::default());
        assert_eq!(idle.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), ["a-api"]);
        assert!(!is_served(&objects, &app, &Routing::default()), "it is to go");
    }

    #[test]
    fn people_see_canaries_and_no_build_pods() {
        let views = views(&objects(), NOW.parse().unwrap());
        let lines = views.iter().map(|view| format!("{} {} ({})", view.name, view.state, view.release));
        insta::assert_yaml_snapshot!(lines.collect::<Vec<_>>());
    }
}
