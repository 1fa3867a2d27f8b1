use std::collections::BTreeMap;

use deis_api::ProcType;
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

fn web() -> Served {
    Served { app: Some(ProcType::web()), ..Served::default() }
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
    let world = world(&objects(), &app(), &web(), &BTreeSet::new(), NOW.parse().unwrap());
    let web = &world.controllers[0];
    assert_eq!(web.pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["web-1"]);
    assert_eq!((web.replicas, web.seen.fence, web.seen.resource_version.as_str()), (2, 3, "7"));
    assert_eq!((web.ready(), web.serving()), (1, 0), "ready, but in no router's table");
    assert_eq!(world.leaving, 1);
}

#[test]
fn what_nobody_probes_has_to_run_for_a_while() {
    let world = world(&objects(), &app(), &web(), &BTreeSet::new(), NOW.parse().unwrap());
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
        world(objects, &app(), &web(), &reachable, NOW.parse().unwrap())
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
fn pods_of_a_type_with_paths_are_as_those_of_the_served_one() {
    let mut objects = objects();
    let pods = |objects: &Objects, served: &Served, reachable: &[&str]| {
        let reachable = reachable.iter().map(|uid| (*uid).to_owned()).collect();
        world(objects, &app(), served, &reachable, NOW.parse().unwrap()).controllers.remove(1).pods
    };
    let wanted = Served { paths: ["worker".parse().unwrap()].into(), ..web() };
    let (new, old) = (0, 1);
    // Those that are older than their paths are not probed, and one that ends at once is ready for a moment.
    let serving = pods(&objects, &wanted, &["worker-new", "worker-old"]);
    assert_eq!((serving[new].serves(), serving[old].serves()), (false, true));
    let probe = json!({ "name": "worker", "startupProbe": { "tcpSocket": { "port": "http" } } });
    let spec = serde_json::from_value(json!({ "containers": [probe] })).unwrap();
    objects.pods.get_mut("worker-new").unwrap().spec = spec;
    assert!(pods(&objects, &wanted, &["worker-new"])[new].serves());
    assert!(!pods(&objects, &wanted, &["worker-new"])[old].serves(), "no router has it");
    assert!(!pods(&objects, &web(), &[])[new].serves(), "as long as it has no paths, it has to run for a while");

    // The routers send to it from the moment that its Service is there until it is gone.
    let routed = |objects: &Objects, served: &Served| pods(objects, served, &[]).iter().all(|pod| pod.routed);
    assert_eq!((routed(&objects, &web()), routed(&objects, &wanted)), (false, true));
    let rules = Rules { services: [("worker".parse().unwrap(), "/work".to_owned())].into(), ..Rules::default() };
    let routing = Routing { rules, ..Routing::default() };
    let service = deis_kube::objects::services_of_paths(&app(), &routing).remove(0);
    objects.services.insert("a-worker".to_owned(), service.into());
    assert!(routed(&objects, &web()));
    let drain = Drain { epoch: 7, leaving: ["worker-old".to_owned()].into() };
    let mut service = deis_kube::objects::service(&app(), &routing);
    service.metadata.annotations.as_mut().unwrap().insert(labels::DRAIN.to_owned(), drain.to_string());
    objects.services.insert("a".to_owned(), service.into());
    assert!(pods(&objects, &wanted, &[])[old].draining);
}

#[test]
fn a_budget_is_right_as_it_was_made_and_not_otherwise() {
    let mut objects = objects();
    let mut right = deis_kube::objects::budget(&app(), &ProcType::web());
    right.metadata.annotations = Some(BTreeMap::from([(labels::FENCE.to_owned(), "3".to_owned())]));
    let look = |objects: &Objects| {
        let world = world(objects, &app(), &Served::default(), &BTreeSet::new(), NOW.parse().unwrap());
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
        world(&objects, &app(), &Served::default(), &BTreeSet::new(), NOW.parse().unwrap()).autoscalers[0].scales
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
    let world = world(&objects, &app(), &Served::default(), &BTreeSet::new(), NOW.parse().unwrap());
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
