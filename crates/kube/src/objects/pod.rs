use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvFromSource, EnvVar, EnvVarSource, ExecAction, Lifecycle,
    LifecycleHandler, LocalObjectReference, ObjectFieldSelector, PodSecurityContext, PodSpec, Probe,
    ResourceRequirements, SeccompProfile, SecretEnvSource, SecurityContext, SleepAction, Sysctl, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::process::{Process, SHELL, Start, USER};
use super::service::PORT_NAME;
use crate::names;

/// What root may do in an image that needs it: prepare its own files and become another user. All within the profile `baseline`.
const ROOT_CAPABILITIES: [&str; 7] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];
/// How long a leaving pod goes on serving, so that the routers have stopped choosing it, in seconds.
const DRAIN_SECONDS: i64 = 5;
/// How much longer than the deploy's patience the startup probe waits, in seconds: the deploy is to judge, not the kubelet.
const STARTUP_MARGIN: i32 = 60;
/// The processor time that a process asks for and may have whose app says nothing else.
pub const CPU: (&str, &str) = ("20m", "1");
/// The memory that a process asks for and may have whose app says nothing else.
pub const MEMORY: (&str, &str) = ("32Mi", "512Mi");

/// What a pod is to be in which a process runs.
pub(super) fn pod(process: &Process<'_>) -> PodSpec {
    let group = (process.start == Start::Launcher).then_some(USER);
    PodSpec {
        containers: vec![container(process)],
        node_selector: (!process.tags.is_empty()).then(|| process.tags.clone()),
        restart_policy: Some("Always".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: Some(vec![LocalObjectReference { name: names::pull_secret(process.app) }]),
        termination_grace_period_seconds: Some(process.grace_seconds),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(!process.start.is_root()),
            run_as_user: Some(process.start.user()),
            run_as_group: group,
            fs_group: group,
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            // An app may listen on port 80 without being root.
            sysctls: Some(vec![Sysctl {
                name: "net.ipv4.ip_unprivileged_port_start".to_owned(),
                value: "0".to_owned(),
            }]),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container(process: &Process<'_>) -> Container {
    let environment = names::environment(process.app, process.version);
    let (command, args) = process.start.command(process.proc_type);
    Container {
        name: process.proc_type.to_string(),
        image: Some(process.image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        // The last lines of a process that failed stand in its pod: whoever asks why needs no log.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        command,
        args,
        env: process.knows_its_address.then(|| vec![address()]),
        env_from: Some(vec![EnvFromSource {
            secret_ref: Some(SecretEnvSource { name: environment, optional: Some(false) }),
            ..EnvFromSource::default()
        }]),
        ports: process.port.map(|port| {
            vec![ContainerPort {
                name: Some(PORT_NAME.to_owned()),
                container_port: port.into(),
                protocol: Some("TCP".to_owned()),
                ..ContainerPort::default()
            }]
        }),
        startup_probe: process.served_port().map(|_| Probe {
            period_seconds: Some(1),
            timeout_seconds: Some(1),
            failure_threshold: Some(process.patience_seconds.saturating_add(STARTUP_MARGIN)),
            tcp_socket: Some(listens()),
            ..Probe::default()
        }),
        readiness_probe: process.readiness.clone().or_else(|| {
            process.served_port().map(|_| Probe {
                period_seconds: Some(5),
                timeout_seconds: Some(5),
                failure_threshold: Some(3),
                tcp_socket: Some(listens()),
                ..Probe::default()
            })
        }),
        liveness_probe: process.liveness.clone(),
        lifecycle: lifecycle(process),
        resources: Some(resources(process)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: process.start.is_root().then(|| ROOT_CAPABILITIES.map(str::to_owned).into()),
            }),
            run_as_non_root: Some(!process.start.is_root()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// What the kubelet does after a start and before an end. A served process goes on for a moment by itself; one with a command of its own
/// does so no longer, and then only what the routers were told keeps requests from it.
fn lifecycle(process: &Process<'_>) -> Option<Lifecycle> {
    let shell = |command: &str| LifecycleHandler {
        exec: Some(ExecAction { command: Some([SHELL.map(str::to_owned).as_slice(), &[command.to_owned()]].concat()) }),
        ..LifecycleHandler::default()
    };
    let go_on = || LifecycleHandler {
        sleep: Some(SleepAction { seconds: DRAIN_SECONDS.min(process.grace_seconds) }),
        ..LifecycleHandler::default()
    };
    let post_start = process.post_start.map(shell);
    let pre_stop = process.pre_stop.map(shell).or_else(|| process.served_port().map(|_| go_on()));
    let has_any = post_start.is_some() || pre_stop.is_some();
    has_any.then(|| Lifecycle { post_start, pre_stop, ..Lifecycle::default() })
}

/// The address of the pod, which nobody knows before it is there.
fn address() -> EnvVar {
    let field_ref = ObjectFieldSelector { field_path: "status.podIP".to_owned(), ..ObjectFieldSelector::default() };
    EnvVar {
        name: "POD_IP".to_owned(),
        value_from: Some(EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() }),
        ..EnvVar::default()
    }
}

fn listens() -> TCPSocketAction {
    TCPSocketAction { port: IntOrString::String(PORT_NAME.to_owned()), host: None }
}

fn resources(process: &Process<'_>) -> ResourceRequirements {
    let mut requests = BTreeMap::new();
    let mut limits = BTreeMap::from([("ephemeral-storage".to_owned(), Quantity("1Gi".to_owned()))]);
    for (name, amount, (request, limit)) in [("cpu", &process.cpu, CPU), ("memory", &process.memory, MEMORY)] {
        let own_request = amount.request.clone();
        // A default request may be above a limit of one's own.
        let request = own_request.or_else(|| amount.limit.is_none().then(|| request.to_owned()));
        requests.extend(request.map(|request| (name.to_owned(), Quantity(request))));
        let limit = amount.limit.clone().unwrap_or_else(|| limit.to_owned());
        limits.insert(name.to_owned(), Quantity(limit));
    }
    let requests = (!requests.is_empty()).then_some(requests);
    ResourceRequirements { requests, limits: Some(limits), ..ResourceRequirements::default() }
}
