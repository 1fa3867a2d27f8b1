use std::collections::BTreeMap;

use deis_api::{AppName, GitSha};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, Pod, PodSecurityContext, PodSpec, ResourceRequirements,
    SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels;

/// The program in the build image.
const LIFECYCLE: &str = "/cnb/lifecycle/deis-build";
/// The numeric user of the stack's images.
const USER: i64 = 1000;
/// The value of the label `type`.
const BUILD: &str = "build";
/// Selects all build pods.
pub const BUILD_PODS: &str = "heritage=deis,type=build";

/// One build.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The app.
    pub app: &'a AppName,
    /// The commit.
    pub sha: &'a GitSha,
    /// Tells builds of one commit apart: a few letters and digits.
    pub suffix: &'a str,
    /// The builder's process that waits for the pod: a name that is a label's value.
    pub builder: &'a str,
    /// The stack's build image.
    pub image: &'a str,
    /// Where the builder listens for build pods: "10.2.0.7:50052".
    pub builder_address: &'a str,
    /// Good for this one build, so that it may stand in the pod's environment.
    pub token: &'a str,
    /// Certificate of the platform's authority, as PEM.
    pub ca: &'a str,
    /// How long the pod may live, in seconds.
    pub deadline_seconds: i64,
    /// What it may use.
    pub limits: Limits<'a>,
}

/// What a build may use, as Kubernetes quantities.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Processors: "2".
    pub cpu: &'a str,
    /// Memory: "2Gi".
    pub memory: &'a str,
    /// Disk for source, layers and caches together: "8Gi".
    pub disk: &'a str,
}

/// The pod of a build: in the app's namespace, under the `restricted` Pod Security Standard, without a token of Kubernetes.
#[must_use]
pub fn build_pod(build: &Build<'_>) -> Pod {
    let mut pod_labels = labels::of_app(build.app);
    pod_labels.insert(labels::TYPE.to_owned(), BUILD.to_owned());
    pod_labels.insert(labels::BUILDER.to_owned(), build.builder.to_owned());
    Pod {
        metadata: ObjectMeta {
            name: Some(name(build)),
            namespace: Some(build.app.to_string()),
            labels: Some(pod_labels),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            restart_policy: Some("Never".to_owned()),
            active_deadline_seconds: Some(build.deadline_seconds),
            // There is nothing to save: a build that is not wanted any more may end at once.
            termination_grace_period_seconds: Some(1),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(USER),
                run_as_group: Some(USER),
                fs_group: Some(USER),
                seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
                ..PodSecurityContext::default()
            }),
            containers: vec![container(build)],
            volumes: Some(FOLDERS.map(|(name, _)| volume(name, build.limits.disk)).to_vec()),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

/// What a build writes to; everything else of its image is read-only.
const FOLDERS: [(&str, &str); 3] = [("workspace", "/workspace"), ("layers", "/layers"), ("tmp", "/tmp")];

/// Kubernetes allows 63 characters where a pod's name becomes a host's: of a long app name, the beginning.
fn name(build: &Build<'_>) -> String {
    let tail = format!("-build-{}-{}", build.sha.short(), build.suffix);
    let app = build.app.as_str();
    let app = app.get(..app.len().min(63_usize.saturating_sub(tail.len()))).unwrap_or(app);
    format!("{}{tail}", app.trim_end_matches('-'))
}

fn container(build: &Build<'_>) -> Container {
    let env =
        |name: &str, value: &str| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() };
    let Limits { cpu, memory, disk } = build.limits;
    Container {
        name: BUILD.to_owned(),
        image: Some(build.image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![LIFECYCLE.to_owned()]),
        env: Some(vec![
            env("DEIS_BUILDER_ADDRESS", build.builder_address),
            env("DEIS_BUILD_TOKEN", build.token),
            env("DEIS_CA", build.ca),
        ]),
        resources: Some(ResourceRequirements {
            // A build takes what is free; it must not be what keeps an app from being scheduled.
            requests: Some(quantities(&[("cpu", "100m"), ("memory", "128Mi")])),
            limits: Some(quantities(&[("cpu", cpu), ("memory", memory), ("ephemeral-storage", disk)])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(
            FOLDERS
                .map(|(name, path)| VolumeMount {
                    name: name.to_owned(),
                    mount_path: path.to_owned(),
                    ..VolumeMount::default()
                })
                .to_vec(),
        ),
        ..Container::default()
    }
}

fn volume(name: &str, size_limit: &str) -> Volume {
    let empty_dir = EmptyDirVolumeSource { size_limit: Some(Quantity(size_limit.to_owned())), ..Default::default() };
    Volume { name: name.to_owned(), empty_dir: Some(empty_dir), ..Volume::default() }
}

fn quantities(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    pairs.iter().map(|(name, amount)| ((*name).to_owned(), Quantity((*amount).to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(app: &str) -> Pod {
        build_pod(&Build {
            app: &app.parse().unwrap(),
            sha: &"acaa8a5f00000000000000000000000000000000".parse().unwrap(),
            suffix: "x7k2p",
            builder: "deis-builder-5d4f8c7b9-x7k2p-1f3a5c7e",
            image: "stack-build:1",
            builder_address: "10.2.0.7:50052",
            token: "token",
            ca: "-----BEGIN CERTIFICATE-----",
            deadline_seconds: 960,
            limits: Limits { cpu: "2", memory: "2Gi", disk: "8Gi" },
        })
    }

    #[test]
    fn a_build_pod() {
        insta::assert_yaml_snapshot!(pod("earthy-instinct"));
    }

    #[test]
    fn names_fit_into_a_host_name() {
        let pod = pod(&format!("{}-{}", "a".repeat(42), "b".repeat(20)));
        let name = pod.metadata.name.unwrap();
        assert_eq!(name, format!("{}-build-acaa8a5-x7k2p", "a".repeat(42)));
        assert!(name.len() <= 63);
    }
}
