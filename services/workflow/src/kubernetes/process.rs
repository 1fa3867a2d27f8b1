use deis_api::ProcType;
use deis_kube::objects;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};

use crate::configs::probes::{LIVENESS, READINESS};
use crate::deploy::Assignment;

/// The controller of one process type as the ledger wants it; `None` for a release without a build.
pub(super) fn controller(assignment: &Assignment, proc_type: &ProcType) -> Option<ReplicationController> {
    Some(objects::controller(&process(assignment, proc_type)?))
}

/// The pod that runs the release phase; `None` for a release without a build.
pub(super) fn release_phase(assignment: &Assignment) -> Option<Pod> {
    let release = ProcType::release();
    Some(objects::release_phase(&process(assignment, &release)?))
}

fn process<'a>(assignment: &'a Assignment, proc_type: &'a ProcType) -> Option<objects::Process<'a>> {
    Some(objects::Process {
        app: &assignment.app,
        version: assignment.release,
        proc_type,
        image: assignment.image.as_ref()?,
        start: objects::Start::Launcher,
        port: (assignment.served().as_ref() == Some(proc_type)).then(|| assignment.port()),
        patience_seconds: i32::try_from(assignment.patience().as_secs()).unwrap_or(i32::MAX),
        grace_seconds: assignment.grace_seconds().into(),
        memory: assignment.memory(proc_type),
        cpu: assignment.cpu(proc_type),
        tags: &assignment.shape.tags,
        liveness: assignment.probe(proc_type, LIVENESS),
        readiness: assignment.probe(proc_type, READINESS),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deis_api::ReleaseVersion;
    use serde_json::json;

    use super::*;
    use crate::configs::{Shape, probes};

    fn assignment() -> Assignment {
        let checks = json!({
            "web/cmd": { "readinessProbe": { "httpGet": { "path": "/health", "port": 5000 }, "initialDelaySeconds": 2 } },
            "worker": { "livenessProbe": { "exec": { "command": ["true"] } } },
        });
        let checks = probes::parse(serde_json::from_value(checks).unwrap()).unwrap();
        let limits = |limit: &str| BTreeMap::from([("web".parse().unwrap(), limit.to_owned())]);
        Assignment {
            app: "shop".parse().unwrap(),
            domains: [].into(),
            unsettled: None,
            restarting: [].into(),
            destroying: false,
            release: ReleaseVersion::FIRST.next(),
            deploying: true,
            image: Some("127.0.0.1:5555/shop@sha256:00".to_owned()),
            sha: None,
            phase: Default::default(),
            processes: ["web", "worker"].map(|kind| (kind.parse().unwrap(), 1)).into(),
            shape: Shape {
                memory: limits("256M/1G"),
                cpu: limits("500m"),
                tags: [("disk".to_owned(), "ssd".to_owned())].into(),
                healthcheck: probes::merge(&BTreeMap::new(), checks).unwrap(),
            },
            values: BTreeMap::new(),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn pods_have_the_shape_that_the_config_says() {
        let pods = ["web", "worker"].map(|kind| {
            let controller = controller(&assignment(), &kind.parse().unwrap()).unwrap();
            let pod = controller.spec.unwrap().template.unwrap().spec.unwrap();
            let container = &pod.containers[0];
            json!({
                "nodeSelector": pod.node_selector,
                "resources": container.resources,
                "startup": container.startup_probe,
                "readiness": container.readiness_probe,
                "liveness": container.liveness_probe,
            })
        });
        insta::assert_yaml_snapshot!(pods);
    }

    #[test]
    fn without_a_build_there_is_nothing_to_control() {
        let bare = Assignment { image: None, ..assignment() };
        assert!(controller(&bare, &ProcType::web()).is_none());
    }
}
