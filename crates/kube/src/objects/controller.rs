use std::collections::BTreeMap;

use deis_api::{AppName, ProcType, ReleaseVersion};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvFromSource, ExecAction, Lifecycle, LifecycleHandler,
    LocalObjectReference, Pod, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ReplicationController,
    ReplicationControllerSpec, ResourceRequirements, SeccompProfile, SecretEnvSource, SecurityContext, SleepAction,
    Sysctl, TCPSocketAction, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::service::PORT_NAME;
use crate::{labels, names};

/// The program in every app image that starts a process type.
pub const LAUNCHER: &str = "/cnb/lifecycle/launcher";
/// What runs the commands that a Procfile gives an image from elsewhere, and those of hooks.
pub(super) const SHELL: [&str; 2] = ["/bin/bash", "-c"];
/// The numeric user of the stack's images.
const USER: i64 = 1000;
/// What root may do in an image that needs it: prepare its own files and become another user. All within the profile `baseline`.
const ROOT_CAPABILITIES: [&str; 7] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];
/// How long a leaving pod goes on serving, so that the routers have stopped choosing it, in seconds.
const DRAIN_SECONDS: i64 = 5;
/// How much longer than the deploy's patience the startup probe waits, in seconds: the deploy is to judge, not the kubelet.
const STARTUP_MARGIN: i32 = 60;

/// How a process is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// By the launcher, which an image of the stack has, as the stack's user.
    #[default]
    Launcher,
    /// As an image from elsewhere says.
    Foreign {
        /// The number of its user; its group is the one that the image's own list of users names.
        user: u32,
        /// Takes the place of the image's own entry point and arguments.
        program: Program,
    },
}

/// What an image from elsewhere is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Its own entry point with its own arguments.
    Own,
    /// Its own entry point with these arguments.
    Arguments(Vec<String>),
    /// This command, by a shell of the image.
    Shell(String),
}

impl Start {
    /// The command and arguments of the container.
    fn command(&self, proc_type: &ProcType) -> (Option<Vec<String>>, Option<Vec<String>>) {
        match self {
            Self::Launcher => (Some(vec![LAUNCHER.to_owned()]), Some(vec![proc_type.to_string()])),
            Self::Foreign { program: Program::Own, .. } => (None, None),
            Self::Foreign { program: Program::Arguments(arguments), .. } => (None, Some(arguments.clone())),
            Self::Foreign { program: Program::Shell(command), .. } => {
                (Some(SHELL.map(str::to_owned).into()), Some(vec![command.clone()]))
            }
        }
    }

    /// Whether it is started by the user who may do everything.
    fn is_root(&self) -> bool {
        self.user() == 0
    }

    fn user(&self) -> i64 {
        match self {
            Self::Launcher => USER,
            Self::Foreign { user, .. } => (*user).into(),
        }
    }
}

/// One process type of one release.
#[derive(Clone, Debug)]
pub struct Process<'a> {
    /// The app.
    pub app: &'a AppName,
    /// The release.
    pub version: ReleaseVersion,
    /// The process type.
    pub proc_type: &'a ProcType,
    /// The image, by digest.
    pub image: &'a str,
    /// How it is started.
    pub start: Start,
    /// The port that it is told to listen on, if it is to listen at all.
    pub port: Option<u16>,
    /// Whose requests it gets.
    pub serves: Serves,
    /// How long it may take to become ready, in seconds.
    pub patience_seconds: i32,
    /// How long a pod may take to end, the drain included, in seconds.
    pub grace_seconds: i64,
    /// Memory; what is not said is the platform's choice.
    pub memory: Amount,
    /// Processor time; what is not said is the platform's choice.
    pub cpu: Amount,
    /// Labels that its nodes must have.
    pub tags: &'a BTreeMap<String, String>,
    /// When it is to be started again.
    pub liveness: Option<Probe>,
    /// When it can be served; without one, the served type is asked whether it listens.
    pub readiness: Option<Probe>,
    /// A command for the image's shell, to be run right after the process has started.
    pub post_start: Option<&'a str>,
    /// A command for the image's shell, to be run before the process is told to end: in the stead of going on for a moment.
    pub pre_stop: Option<&'a str>,
}

/// Whose requests a process gets. Who gets some is asked whether it listens, and goes on for a moment before it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serves {
    /// Nobody's.
    #[default]
    Nobody,
    /// Those of the app's Service, which selects its pods.
    App,
    /// Those of some paths, for which there is a Service of its own.
    Paths,
}

impl Process<'_> {
    /// The port that requests come to.
    fn served_port(&self) -> Option<u16> {
        self.port.filter(|_| self.serves != Serves::Nobody)
    }
}

/// How much a process asks for and may have, as quantities of Kubernetes. A limit without a request is asked for as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// What is kept for it.
    pub request: Option<String>,
    /// What it may use at most.
    pub limit: Option<String>,
}

/// The processor time that a process asks for and may have whose app says nothing else.
pub const CPU: (&str, &str) = ("20m", "1");
/// The memory that a process asks for and may have whose app says nothing else.
pub const MEMORY: (&str, &str) = ("32Mi", "512Mi");

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

#[cfg(test)]
mod tests {
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
        })
    }

    #[test]
    fn the_served_type_is_probed_and_drained() {
        insta::assert_yaml_snapshot!(built("web", Serves::App));
    }

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
        });
        insta::assert_yaml_snapshot!(pod);
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
