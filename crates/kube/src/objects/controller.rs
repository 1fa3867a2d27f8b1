use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    PodSpec, PodTemplateSpec, ReplicationController, ReplicationControllerSpec, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::pod::pod;
use super::process::{Process, Serves};
use crate::{labels, names};

/// The controller of a process, with no replicas yet.
#[must_use]
pub fn controller(process: &Process<'_>) -> ReplicationController {
    let selector = labels::of_process(process.app, process.version, process.proc_type);
    let mut pod_labels = selector.clone();
    if process.port.is_some() && process.serves == Serves::App {
        pod_labels.insert(labels::BACKEND.to_owned(), "true".to_owned());
    }
    ReplicationController {
        metadata: ObjectMeta {
            name: Some(names::controller(process.app, process.version, process.proc_type)),
            namespace: Some(process.app.to_string()),
            labels: Some(selector.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicationControllerSpec {
            replicas: Some(0),
            selector: Some(selector.clone()),
            template: Some(PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(pod_labels), ..ObjectMeta::default() }),
                spec: Some(PodSpec { topology_spread_constraints: Some(spread(&selector)), ..pod(process) }),
            }),
            ..ReplicationControllerSpec::default()
        }),
        ..ReplicationController::default()
    }
}

/// What a node or a zone takes with it when it fails: as few as can be of the pods of one type. Where there is no room to spread, they run
/// all the same.
fn spread(selector: &BTreeMap<String, String>) -> Vec<TopologySpreadConstraint> {
    let across = |topology_key: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology_key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector { match_labels: Some(selector.clone()), ..LabelSelector::default() }),
        ..TopologySpreadConstraint::default()
    };
    vec![across("kubernetes.io/hostname"), across("topology.kubernetes.io/zone")]
}

#[cfg(test)]
mod tests {
    use super::super::process::{Amount, Start};
    use super::*;

    fn built(proc_type: &str, serves: Serves) -> ReplicationController {
        controller(&Process {
            app: &"peachy-waxworks".parse().unwrap(),
            version: "v3".parse().unwrap(),
            proc_type: &proc_type.parse().unwrap(),
            image: "127.0.0.1:5555/peachy-waxworks@sha256:00",
            start: Start::Launcher,
            port: Some(5000),
            serves,
            patience_seconds: 120,
            grace_seconds: 30,
            memory: Amount::default(),
            cpu: Amount::default(),
            tags: &BTreeMap::new(),
            liveness: None,
            readiness: None,
            post_start: None,
            pre_stop: None,
            knows_its_address: false,
        })
    }

    #[test]
    fn the_served_type_is_probed_and_drained() {
        insta::assert_yaml_snapshot!(built("web", Serves::App));
    }

    #[test]
    fn other_types_are_neither_served_nor_probed() {
        insta::assert_yaml_snapshot!(built("worker", Serves::Nobody));
    }

    #[test]
    fn what_has_paths_is_probed_and_drained_and_not_selected_by_the_apps_service() {
        let (paths, app) = (built("web", Serves::Paths), built("web", Serves::App));
        let template = |controller: &ReplicationController| controller.spec.clone().unwrap().template.unwrap();
        assert_eq!(template(&paths).spec, template(&app).spec);
        let of_pods = template(&paths).metadata.unwrap().labels.unwrap();
        assert!(!of_pods.contains_key(labels::BACKEND), "{of_pods:?}");
    }
}
