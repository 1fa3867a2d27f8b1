use std::collections::BTreeMap;

use deis_api::{AppName, ProcType, ReleaseVersion};
use k8s_openapi::api::core::v1::Probe;

/// The program in every app image that starts a process type.
pub const LAUNCHER: &str = "/cnb/lifecycle/launcher";
/// What runs the commands that a Procfile gives an image from elsewhere, and those of hooks.
pub(super) const SHELL: [&str; 2] = ["/bin/bash", "-c"];
/// The numeric user of the stack's images.
pub(super) const USER: i64 = 1000;

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
    pub(super) fn command(&self, proc_type: &ProcType) -> (Option<Vec<String>>, Option<Vec<String>>) {
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
    pub(super) fn is_root(&self) -> bool {
        self.user() == 0
    }

    pub(super) fn user(&self) -> i64 {
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
    /// Whether it is told the address of its pod.
    pub knows_its_address: bool,
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
    pub(super) fn served_port(&self) -> Option<u16> {
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
