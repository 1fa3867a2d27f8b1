use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::pod::pod;
use super::process::Process;
use crate::{labels, names};

/// How long the release phase may take, in seconds.
const RELEASE_PHASE_SECONDS: i64 = 30 * 60;

/// A pod that runs a process once, to its end.
#[must_use]
pub fn release_phase(process: &Process<'_>) -> Pod {
    let spec = PodSpec {
        restart_policy: Some("Never".to_owned()),
        active_deadline_seconds: Some(RELEASE_PHASE_SECONDS),
        ..pod(process)
    };
    Pod {
        metadata: ObjectMeta {
            name: Some(names::release_phase(process.app, process.version)),
            namespace: Some(process.app.to_string()),
            labels: Some(labels::of_process(process.app, process.version, process.proc_type)),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        ..Pod::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deis_api::ProcType;

    use super::super::process::{Amount, Serves, Start};
    use super::*;

    #[test]
    fn the_release_phase_runs_once() {
        let pod = release_phase(&Process {
            app: &"shop".parse().unwrap(),
            version: "v3".parse().unwrap(),
            proc_type: &ProcType::release(),
            image: "127.0.0.1:5555/shop@sha256:00",
            start: Start::Launcher,
            port: None,
            serves: Serves::Nobody,
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
        });
        insta::assert_yaml_snapshot!(pod);
    }
}
