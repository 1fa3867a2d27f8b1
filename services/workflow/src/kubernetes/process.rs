use deis_api::ProcType;
use deis_kube::objects::{self, Program, Serves, Start};
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use secrecy::ExposeSecret as _;

use crate::configs::probes::{LIVENESS, READINESS};
use crate::deploy::Assignment;
use crate::runs::OneOff;

/// The controller of one process type as the ledger wants it; `None` for a release without a build.
pub(super) fn controller(assignment: &Assignment, proc_type: &ProcType) -> Option<ReplicationController> {
    Some(objects::controller(&process(assignment, proc_type)?))
}

/// The pod that runs the release phase; `None` for a release without a build.
pub(super) fn release_phase(assignment: &Assignment) -> Option<Pod> {
    let release = ProcType::release();
    Some(objects::release_phase(&process(assignment, &release)?))
}

/// The pod of a command that somebody runs once; `None` for a release without a build.
pub(super) fn one_off(one_off: &OneOff) -> Option<Pod> {
    let run = ProcType::run();
    Some(objects::one_off(&objects::OneOff {
        process: process(&one_off.assignment, &run)?,
        suffix: &one_off.suffix,
        command: &one_off.command,
        deadline_seconds: i64::try_from(one_off.limit.as_secs()).unwrap_or(i64::MAX),
        attendance: one_off.attendance,
    }))
}

fn process<'a>(assignment: &'a Assignment, proc_type: &'a ProcType) -> Option<objects::Process<'a>> {
    Some(objects::Process {
        app: &assignment.app,
        version: assignment.release,
        proc_type,
        image: assignment.image.as_ref()?,
        start: start(assignment, proc_type),
        port: assignment.port().filter(|_| !proc_type.is_reserved()),
        serves: serves(assignment, proc_type),
        patience_seconds: i32::try_from(assignment.patience().as_secs()).unwrap_or(i32::MAX),
        grace_seconds: assignment.grace_seconds_of(proc_type).into(),
        memory: assignment.memory(proc_type),
        cpu: assignment.cpu(proc_type),
        tags: &assignment.shape.tags,
        liveness: assignment.probe(proc_type, LIVENESS),
        readiness: assignment.probe(proc_type, READINESS),
        post_start: assignment.shape.post_start.get(proc_type).map(String::as_str),
        pre_stop: assignment.shape.pre_stop.get(proc_type).map(String::as_str),
        knows_its_address: knows_its_address(assignment),
    })
}

/// Whether the app wants to know its pods' addresses, and has no `POD_IP` of its own, which would be hidden by that.
fn knows_its_address(assignment: &Assignment) -> bool {
    let wanted = assignment.values.get("DEIS_EXPOSE_POD_IP").map(|value| value.expose_secret().trim().to_lowercase());
    let is_wanted = wanted.is_some_and(|word| ["y", "yes", "t", "true", "on", "1"].contains(&word.as_str()));
    is_wanted && !assignment.values.contains_key("POD_IP")
}

fn serves(assignment: &Assignment, proc_type: &ProcType) -> Serves {
    if assignment.served().as_ref() == Some(proc_type) {
        Serves::App
    } else if assignment.routing.rules.services.contains_key(proc_type) {
        Serves::Paths
    } else {
        Serves::Nobody
    }
}

/// How the image is started: what is not built here has no launcher.
fn start(assignment: &Assignment, proc_type: &ProcType) -> Start {
    let Some(pulled) = &assignment.pulled else { return Start::Launcher };
    let program = match assignment.procfile.get(proc_type) {
        None => Program::Own,
        Some(arguments) if *proc_type == ProcType::cmd() => {
            Program::Arguments(arguments.split_whitespace().map(str::to_owned).collect())
        }
        Some(command) => Program::Shell(command.clone()),
    };
    Start::Foreign { user: pulled.user, program }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deis_api::ReleaseVersion;
    use serde_json::json;

    use super::*;
    use crate::configs::{Shape, probes};
    use crate::images;

    fn assignment() -> Assignment {
        let checks = json!({
            "web/cmd": { "readinessProbe": { "httpGet": { "path": "/health", "port": 5000 }, "initialDelaySeconds": 2 } },
            "worker": { "livenessProbe": { "exec": { "command": ["true"] } } },
        });
        let checks = probes::parse(serde_json::from_value(checks).unwrap()).unwrap();
        let limits = |limit: &str| BTreeMap::from([("web".parse().unwrap(), limit.to_owned())]);
        Assignment {
            release: ReleaseVersion::FIRST.next(),
            image: Some("127.0.0.1:5555/shop@sha256:00".to_owned()),
            processes: ["web", "worker"].map(|kind| (kind.parse().unwrap(), 1)).into(),
            shape: Shape {
                memory: limits("256M/1G"),
                cpu: limits("500m"),
                tags: [("disk".to_owned(), "ssd".to_owned())].into(),
                healthcheck: probes::merge(&BTreeMap::new(), checks).unwrap(),
                ..Shape::default()
            },
            ..Assignment::bare("shop")
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
    fn a_process_type_with_paths_is_probed_as_the_served_one_is() {
        let mut assignment = assignment();
        assignment.shape = Shape::default();
        let probed = |assignment: &Assignment| {
            ["web", "worker"].map(|kind| {
                let controller = controller(assignment, &kind.parse().unwrap()).unwrap();
                let template = controller.spec.unwrap().template.unwrap();
                let is_selected = template.metadata.unwrap().labels.unwrap().contains_key("router.deis.io/backend");
                let container = template.spec.unwrap().containers.remove(0);
                let port = container.ports.unwrap_or_default().first().map(|port| port.container_port);
                (is_selected, container.startup_probe.is_some(), container.lifecycle.is_some(), port)
            })
        };
        assert_eq!(probed(&assignment), [(true, true, true, Some(5000)), (false, false, false, Some(5000))]);
        assignment.routing.rules.services = [("worker".parse().unwrap(), "/work".to_owned())].into();
        assert_eq!(probed(&assignment), [(true, true, true, Some(5000)), (false, true, true, Some(5000))]);
    }

    /// What Kubernetes calls after a start and before an end, and how long it waits then.
    #[test]
    fn processes_begin_and_end_as_the_config_says() {
        let mut assignment = assignment();
        let hook = |command: &str| [("web".parse().unwrap(), command.to_owned())].into();
        (assignment.shape.post_start, assignment.shape.pre_stop) = (hook("touch ready"), hook("drain && sleep 5"));
        assignment.shape.grace_periods = [("worker".parse().unwrap(), 300)].into();
        let ends = |assignment: &Assignment, kind: &str| {
            let controller = controller(assignment, &kind.parse().unwrap()).unwrap();
            let pod = controller.spec.unwrap().template.unwrap().spec.unwrap();
            json!([pod.containers[0].lifecycle, pod.termination_grace_period_seconds])
        };
        let own = ["web", "worker"].map(|kind| ends(&assignment, kind));
        assignment.shape.pre_stop.clear();
        insta::assert_yaml_snapshot!(json!([own, ends(&assignment, "web")]));
    }

    #[test]
    fn a_process_is_told_its_pods_address_where_the_app_wants_it() {
        let told = |values: &[(&str, &str)]| {
            let values = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
            let controller = controller(&Assignment { values, ..assignment() }, &ProcType::web()).unwrap();
            let container = controller.spec.unwrap().template.unwrap().spec.unwrap().containers.remove(0);
            json!(container.env)
        };
        let address = json!([{ "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } }]);
        for yes in ["True", "true", "1"] {
            assert_eq!(told(&[("DEIS_EXPOSE_POD_IP", yes)]), address);
        }
        for values in [&[][..], &[("DEIS_EXPOSE_POD_IP", "False")], &[("DEIS_EXPOSE_POD_IP", "1"), ("POD_IP", "mine")]]
        {
            assert_eq!(told(values), json!(null));
        }
    }

    fn pulled(procfile: &[(&str, &str)], exposed_port: Option<u16>) -> Assignment {
        let procfile = procfile.iter().map(|(kind, command)| (kind.parse().unwrap(), (*command).to_owned()));
        let procfile = procfile.collect::<BTreeMap<ProcType, String>>();
        Assignment {
            processes: images::kinds(&procfile, true).map(|kind| (kind, 1)).collect(),
            procfile,
            pulled: Some(images::Pulled { user: 101, exposed_port, ..images::Pulled::default() }),
            shape: Shape::default(),
            ..assignment()
        }
    }

    #[test]
    fn an_image_from_elsewhere_runs_what_it_says_as_its_own_user() {
        let controller = controller(&pulled(&[], Some(8080)), &ProcType::cmd()).unwrap();
        insta::assert_yaml_snapshot!(controller.spec.unwrap().template);
    }

    #[test]
    fn an_image_that_needs_root_gets_no_more_than_that() {
        let mut assignment = pulled(&[], Some(80));
        assignment.pulled.as_mut().unwrap().user = 0;
        let template = controller(&assignment, &ProcType::cmd()).unwrap().spec.unwrap().template.unwrap();
        let pod = template.spec.unwrap();
        insta::assert_yaml_snapshot!(json!([pod.security_context, pod.containers[0].security_context]));
    }

    #[test]
    fn a_procfile_says_what_an_image_from_elsewhere_runs() {
        let assignment =
            pulled(&[("worker", "work --hard"), ("cmd", "-g  'daemon off;'"), ("release", "migrate")], None);
        let started = |kind: &str| {
            let kind = kind.parse().unwrap();
            let template = controller(&assignment, &kind).unwrap().spec.unwrap().template.unwrap();
            let container = template.spec.unwrap().containers.remove(0);
            json!([container.command, container.args, container.ports, container.startup_probe])
        };
        let phase = release_phase(&assignment).unwrap().spec.unwrap();
        let phase = json!([phase.containers[0].command, phase.containers[0].args, phase.security_context]);
        insta::assert_yaml_snapshot!([started("worker"), started("cmd"), phase]);
    }

    #[test]
    fn without_a_build_there_is_nothing_to_control() {
        let bare = Assignment { image: None, ..assignment() };
        assert!(controller(&bare, &ProcType::web()).is_none());
    }
}
