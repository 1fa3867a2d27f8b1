//! What is wrong with a process: a stable code, one sentence, and what to do next. The same for a deploy that fails and for an app that
//! runs.

use std::time::Duration;

use deis_api::{Code, ProcType};
use deis_kube::objects::{self, Amount};

use super::goal::Assignment;
use super::no_node::{Lack, NoNode};
use super::probe::{Probe, Unhealthy};
use super::refusal::Refusal;
use super::world::Trouble;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The stable code.
    pub code: Code,
    /// Why, in one sentence.
    pub sentence: String,
    /// What to do next, in one more.
    pub next: String,
}

impl Cause {
    fn new(code: Code, sentence: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), next: next.into() }
    }

    /// Both sentences.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.sentence, self.next)
    }

    /// What keeps a pod of `kind` from being ready, for which it was waited so long, if a limit was set.
    #[must_use]
    pub fn of_pod(
        assignment: &Assignment,
        kind: &ProcType,
        trouble: Option<&Trouble>,
        waited: Option<Duration>,
    ) -> Self {
        let subject = Subject { assignment, kind };
        match trouble {
            None => unready(&subject, waited, "its container has not been started", Code::NeverReady),
            Some(Trouble::Unready { probe, found }) => subject.unready(*probe, found.as_ref(), waited),
            Some(Trouble::Unschedulable(no_node)) => subject.no_node(no_node, waited),
            Some(Trouble::Exited { code, times: 1, .. }) if waited.is_some() && !is_command(*code) => {
                unready(&subject, waited, &format!("it ended once, with exit code {code}"), Code::NeverReady)
            }
            Some(Trouble::Exited { code, times, after }) => subject.exited(*code, *times, *after),
            Some(Trouble::Unresponsive { found, times }) => subject.unresponsive(found, *times),
            Some(Trouble::OutOfMemory) => subject.out_of_memory(),
            Some(Trouble::Start(words)) => {
                let sentence = format!("The process {kind} cannot be started: {words}.");
                Self::new(Code::CommandFailed, sentence, subject.correct_command())
            }
            Some(Trouble::Container(words)) => Self::new(
                Code::PodRefused,
                format!("The container of {kind} cannot be made: {words}."),
                "Deploy again; if that does not help, show an administrator this line.",
            ),
            Some(Trouble::ImageMissing(words)) => {
                let sentence = format!("The image of {kind} is not in the registry: {words}.");
                Self::new(Code::ImagePullFailed, sentence, subject.make_image_again())
            }
            Some(Trouble::ImageForbidden(words)) => Self::new(
                Code::ImagePullFailed,
                format!("The registry does not let the image of {kind} be pulled: {words}."),
                "The platform's own credentials are refused: ask an administrator to run 'deisctl doctor'.",
            ),
            Some(Trouble::ImageInvalid(words)) => {
                let sentence = format!("The name of the image of {kind} is no name of an image: {words}.");
                Self::new(Code::ImagePullFailed, sentence, subject.make_image_again())
            }
            Some(Trouble::Image(words)) => Self::new(
                Code::ImagePullFailed,
                format!("The image of {kind} cannot be pulled: {words}."),
                "The registry may be out of reach: deploy again, or ask an administrator to run 'deisctl doctor'.",
            ),
        }
    }

    /// Why Kubernetes makes no pods of `kind`.
    #[must_use]
    pub fn of_refusal(kind: &ProcType, refusal: &Refusal) -> Self {
        let (sentence, next) = match refusal {
            Refusal::Quota { name, requested, used, limited } => (
                format!(
                    "The quota \"{name}\" leaves no room for {kind}: it asks for {requested}, used is {used}, and the limit is {limited}."
                ),
                format!(
                    "Ask for less (deis limits:set {kind}=256M), run fewer processes (deis scale), or ask an administrator for \
                     a larger quota."
                ),
            ),
            Refusal::QuotaUnsaid { name, resources } => (
                format!("The quota \"{name}\" takes no {kind} that does not say its {resources}."),
                format!(
                    "Say both, request and limit: deis limits:set {kind}=64M/256M, and with --cpu {kind}=100m/500m."
                ),
            ),
            Refusal::LimitRange(words) => (
                format!("The namespace's limit range does not take {kind} as it is: {words}."),
                format!("Change its limits: deis limits:set {kind}=64M/256M, or with --cpu {kind}=100m/500m."),
            ),
            Refusal::Security(words) => (
                format!("The namespace's security profile does not take {kind}: {words}."),
                "Let the image run as another user than root, or ask an administrator: deis apps:allow-root."
                    .to_owned(),
            ),
            Refusal::Passing(words) | Refusal::Other(words) => (
                format!("Kubernetes refuses the pods of {kind}: {words}."),
                "Show an administrator this line.".to_owned(),
            ),
        };
        Self::new(Code::PodRefused, sentence, next)
    }
}

/// What a process asks for and may have, with the platform's own amounts where the app says nothing.
fn limits_of(own: Amount, (request, limit): (&str, &str)) -> (String, String) {
    let asked = own.request.or_else(|| own.limit.clone()).unwrap_or_else(|| request.to_owned());
    (asked, own.limit.unwrap_or_else(|| limit.to_owned()))
}

struct Subject<'a> {
    assignment: &'a Assignment,
    kind: &'a ProcType,
}

impl Subject<'_> {
    fn exited(&self, code: i32, times: u32, after: Option<u64>) -> Cause {
        let kind = self.kind;
        if is_command(code) {
            let why = if code == 126 { "is not executable" } else { "is not there" };
            let sentence = format!("The command of {kind} {why} (exit code {code}).");
            return Cause::new(Code::CommandFailed, sentence, self.correct_command());
        }
        let ended = match (times, after) {
            (1, None) => "once,".to_owned(),
            (1, Some(seconds)) => format!("once after {seconds} s,"),
            (_, None) => format!("{times} times, the last time"),
            (_, Some(seconds)) => format!("{times} times, the last time after {seconds} s,"),
        };
        let how = match (code, signal(code)) {
            (0, _) => "without an error (exit code 0), but it has to go on running".to_owned(),
            (code, Some(signal)) => format!("by the signal {signal} (exit code {code})"),
            (code, None) => format!("with exit code {code}"),
        };
        let next = match code {
            0 => format!("Let the command of {kind} run in the foreground: deis logs --process {kind}."),
            _ => format!("Its last lines say why: deis logs --process {kind}."),
        };
        Cause::new(Code::ProcessExited, format!("The process {kind} ended {ended} {how}."), next)
    }

    fn unresponsive(&self, found: &Unhealthy, times: u32) -> Cause {
        let kind = self.kind;
        let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
        let sentence =
            format!("The process {kind} was started again {often} because its {} probe failed: {found}.", found.probe);
        Cause::new(Code::ProbeFailed, sentence, self.see_probe())
    }

    fn unready(&self, probe: Probe, found: Option<&Unhealthy>, waited: Option<Duration>) -> Cause {
        let port = self.assignment.port().filter(|_| self.assignment.served().as_ref() == Some(self.kind));
        let silent = found.is_none_or(Unhealthy::nobody_listens);
        match (probe, port) {
            (Probe::Startup, Some(port)) if silent => {
                let why = format!("it runs, but nothing listens on port {port} (variable PORT)");
                let cause = unready(self, waited, &why, Code::NeverReady);
                Cause { next: format!("Let it listen on port {port} of all addresses (0.0.0.0)."), ..cause }
            }
            (_, _) => {
                let found = found.map_or_else(|| "it has not answered yet".to_owned(), ToString::to_string);
                let cause = unready(self, waited, &format!("its {probe} probe fails: {found}"), Code::ProbeFailed);
                Cause { next: self.see_probe(), ..cause }
            }
        }
    }

    fn no_node(&self, no_node: &NoNode, waited: Option<Duration>) -> Cause {
        let kind = self.kind;
        let (memory, _) = limits_of(self.assignment.memory(kind), objects::MEMORY);
        let (cpu, _) = limits_of(self.assignment.cpu(kind), objects::CPU);
        let asks = |resource: &str, amount: &str, name: &str| {
            no_node.lacks(|lack| *lack == Lack::Free(resource.to_owned())).then(|| format!("{amount} of {name}"))
        };
        let asked =
            [asks("memory", &memory, "memory"), asks("cpu", &cpu, "CPU")].into_iter().flatten().collect::<Vec<_>>();
        let tags = self.assignment.shape.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>();
        let mut why = no_node.to_string();
        if !asked.is_empty() {
            why.push_str(&format!("; it asks for {}", asked.join(" and ")));
        }
        let by_tags = no_node.lacks(|lack| *lack == Lack::Labels);
        if by_tags && !tags.is_empty() {
            why.push_str(&format!(" ({})", tags.join(", ")));
        }
        let sentence = match waited {
            Some(waited) => format!("No node had room for {kind} within {} s: {why}.", waited.as_secs()),
            None => format!("No node has room for {kind}: {why}."),
        };
        let next = if !asked.is_empty() {
            format!("Ask for less (deis limits:set {kind}=64M/512M), or ask an administrator for another node.")
        } else if by_tags {
            "See the tags with 'deis tags' and take one away with 'deis tags:unset', or ask an administrator for such a node."
                .to_owned()
        } else {
            "Ask an administrator for a node that takes it.".to_owned()
        };
        Cause::new(Code::NoRoom, sentence, next)
    }

    fn out_of_memory(&self) -> Cause {
        let kind = self.kind;
        let (_, limit) = limits_of(self.assignment.memory(kind), objects::MEMORY);
        let sentence = format!("The process {kind} needed more memory than its limit of {limit}.");
        let next = match doubled(&limit) {
            Some(more) => format!("Raise the limit (deis limits:set {kind}={more}) or make it need less."),
            None => format!("Raise the limit (deis limits:set {kind}=1G) or make it need less."),
        };
        Cause::new(Code::OutOfMemory, sentence, next)
    }

    fn correct_command(&self) -> String {
        match self.assignment.pulled {
            None => "Correct its command in the Procfile and push again.".to_owned(),
            Some(_) => format!(
                "Correct the image, or say what it is to run: deis pull IMAGE --procfile '{}: COMMAND'.",
                self.kind
            ),
        }
    }

    fn make_image_again(&self) -> String {
        match self.assignment.pulled {
            None => "Push again to rebuild it.".to_owned(),
            Some(_) => "Pull it again: deis pull IMAGE.".to_owned(),
        }
    }

    fn see_probe(&self) -> String {
        let kind = self.kind;
        format!("Compare the probe (deis healthchecks) with what the process says (deis logs --process {kind}).")
    }
}

fn unready(subject: &Subject<'_>, waited: Option<Duration>, why: &str, code: Code) -> Cause {
    let kind = subject.kind;
    let sentence = match waited {
        Some(waited) => format!("The process {kind} did not become ready within {} s: {why}.", waited.as_secs()),
        None => format!("The process {kind} is not ready: {why}."),
    };
    Cause::new(code, sentence, format!("Its last lines may say why: deis logs --process {kind}."))
}

/// Shells end so when there is nothing to run.
const fn is_command(code: i32) -> bool {
    matches!(code, 126 | 127)
}

/// The signal that ended a process, by the exit code that shells and runtimes make of it: 128 and its number.
const fn signal(code: i32) -> Option<&'static str> {
    Some(match code {
        129 => "SIGHUP",
        130 => "SIGINT",
        131 => "SIGQUIT",
        132 => "SIGILL",
        133 => "SIGTRAP",
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        137 => "SIGKILL",
        139 => "SIGSEGV",
        141 => "SIGPIPE",
        142 => "SIGALRM",
        143 => "SIGTERM",
        159 => "SIGSYS",
        _ => return None,
    })
}

/// `512Mi` as twice as much, the way that limits are set: `1024M`.
fn doubled(limit: &str) -> Option<String> {
    let (number, unit) = limit.split_at_checked(limit.find(|letter: char| !letter.is_ascii_digit())?)?;
    let unit = unit.strip_suffix('i').filter(|unit| ["K", "M", "G"].contains(unit))?;
    Some(format!("{}{unit}", number.parse::<u64>().ok()?.checked_mul(2)?))
}

#[cfg(test)]
mod tests;
