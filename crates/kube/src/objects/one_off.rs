use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::pod::pod;
use super::process::{LAUNCHER, Process, SHELL, Start};
use crate::{labels, names};

/// What a command on a terminal shows before anything of its own: what comes before it is the terminal's echo. It changes nothing that a
/// person sees.
pub const MARK: &[u8] = b"\x1b[m";

/// Who works with a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attendance {
    /// Nobody: what it prints goes to the log.
    #[default]
    Nobody,
    /// Somebody, on its streams,
    Streams,
    /// or on a terminal.
    Terminal,
}

impl Attendance {
    /// What a shell does with the command, which is its first argument. For somebody it waits until he is there, and says so by a line: what
    /// a process prints before anybody is attached is told to nobody. It stays the command's parent: as the first process of its
    /// container the command would not hear of Ctrl-C.
    const fn script(self) -> Option<&'static str> {
        match self {
            Self::Nobody => None,
            Self::Streams => Some("IFS= read -r _ && /bin/bash -c \"$0\"; exit $?"),
            Self::Terminal => Some("IFS= read -rs _ && printf '\\033[m' && /bin/bash -c \"$0\"; exit $?"),
        }
    }
}

/// A command that is run once.
#[derive(Clone, Debug)]
pub struct OneOff<'a> {
    /// As whose process it runs; what its image starts otherwise does not matter.
    pub process: Process<'a>,
    /// Five characters that tell its pod from others.
    pub suffix: &'a str,
    /// What a shell in the app's own container is given.
    pub command: &'a str,
    /// How long it may take, in seconds.
    pub deadline_seconds: i64,
    /// Who works with it.
    pub attendance: Attendance,
}

/// The pod of a command that is run once, to its end, in an app's image and with its environment.
#[must_use]
pub fn one_off(one_off: &OneOff<'_>) -> Pod {
    let OneOff { process, suffix, command, deadline_seconds, attendance } = one_off;
    let shell = SHELL.map(str::to_owned).to_vec();
    // The launcher sets up what the buildpacks left behind, and becomes the shell.
    let (program, arguments) = match process.start {
        Start::Launcher => (vec![LAUNCHER.to_owned()], [vec!["--".to_owned()], shell].concat()),
        Start::Foreign { .. } => (shell, Vec::new()),
    };
    let mut spec = PodSpec {
        restart_policy: Some("Never".to_owned()),
        active_deadline_seconds: Some(*deadline_seconds),
        ..pod(process)
    };
    let is_attended = *attendance != Attendance::Nobody;
    if is_attended {
        // When nobody is there any more there is nothing to wait for.
        spec.termination_grace_period_seconds = Some(1);
    }
    let script = attendance.script().into_iter().chain([*command]).map(str::to_owned).collect::<Vec<_>>();
    for container in &mut spec.containers {
        container.command = Some(program.clone());
        container.args = Some([arguments.clone(), script.clone()].concat());
        container.stdin = is_attended.then_some(true);
        container.stdin_once = is_attended.then_some(true);
        container.tty = (*attendance == Attendance::Terminal).then_some(true);
    }
    Pod {
        metadata: ObjectMeta {
            name: Some(names::one_off(process.app, suffix)),
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

    use super::super::process::{Amount, Program, Serves};
    use super::*;

    fn built(start: Start, attendance: Attendance) -> Pod {
        one_off(&OneOff {
            process: Process {
                app: &"shop".parse().unwrap(),
                version: "v3".parse().unwrap(),
                proc_type: &ProcType::run(),
                image: "127.0.0.1:5555/shop@sha256:00",
                start,
                port: None,
                serves: Serves::Nobody,
                patience_seconds: 120,
                grace_seconds: 30,
                memory: Amount { request: None, limit: Some("256Mi".to_owned()) },
                cpu: Amount::default(),
                tags: &BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
                liveness: None,
                readiness: None,
                post_start: None,
                pre_stop: None,
                knows_its_address: false,
            },
            suffix: "x7k2p",
            command: "ls -l; exit 3",
            deadline_seconds: 1200,
            attendance,
        })
    }

    #[test]
    fn a_command_runs_once_in_the_apps_image() {
        insta::assert_yaml_snapshot!(built(Start::Launcher, Attendance::Nobody));
    }

    #[test]
    fn an_image_from_elsewhere_has_no_launcher() {
        let pod = built(Start::Foreign { user: 101, program: Program::Own }, Attendance::Nobody).spec.unwrap();
        let container = &pod.containers[0];
        assert_eq!(container.command.as_ref().unwrap(), &SHELL);
        assert_eq!(container.args.as_ref().unwrap(), &["ls -l; exit 3"]);
        assert_eq!(pod.security_context.unwrap().run_as_user, Some(101));
        assert!(labels::is_one_off(&built(Start::Launcher, Attendance::Nobody).metadata));
    }

    #[test]
    fn a_command_waits_for_whoever_works_with_it() {
        let told = [Attendance::Streams, Attendance::Terminal].map(|attendance| {
            let pod = built(Start::Launcher, attendance).spec.unwrap();
            let container = &pod.containers[0];
            let streams = (container.stdin, container.stdin_once, container.tty);
            (container.args.clone(), streams, pod.termination_grace_period_seconds)
        });
        insta::assert_yaml_snapshot!(told);
        assert!(Attendance::Terminal.script().unwrap().contains("'\\033[m'"));
        assert_eq!(MARK, b"\x1b[m");
    }
}
