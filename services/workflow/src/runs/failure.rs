//! Why a command did not come to its end: the causes that deploys tell of, and those that a run has of its own.

use std::time::Duration;

use deis_api::{Code, ProcType};

use super::OneOff;
use crate::deploy::refusal::Refusal;
use crate::deploy::world::Trouble;
use crate::deploy::{Cause, EffectError};
use crate::error::Error;

fn failed(one_off: &OneOff, code: Code, message: impl Into<String>) -> Error {
    Error::RunFailed { pod: one_off.pod(), code, message: message.into() }
}

/// Kubernetes does not make the pod.
pub(super) fn of_start(one_off: &OneOff, error: EffectError) -> Error {
    match error {
        EffectError::Refused(words) => {
            let told = words.split_once(": ").filter(|(head, _)| head.starts_with("Kubernetes refuses "));
            let reason = told.map_or(words.as_str(), |(_, reason)| reason);
            let cause = Cause::of_refusal(&ProcType::run(), &Refusal::parse(reason));
            failed(one_off, cause.code, cause.text())
        }
        error => {
            let text = error.to_string();
            // Nobody tries again in the place of who asked.
            let text = text.strip_suffix(", trying again.").map_or_else(|| text.clone(), |text| format!("{text}."));
            failed(one_off, Code::Unavailable, format!("{text} Nothing was run: try again later."))
        }
    }
}

/// The pod is there and its command does not begin.
pub(super) fn of_trouble(one_off: &OneOff, trouble: Option<&Trouble>, waited: Option<Duration>) -> Error {
    if let Some(Trouble::Start(words)) = trouble {
        let message = format!("The command cannot be started: {words}. Its image must have /bin/bash, which runs it.");
        return failed(one_off, Code::CommandFailed, message);
    }
    let cause = Cause::of_pod(&one_off.assignment, &ProcType::run(), trouble, waited);
    failed(one_off, cause.code, cause.text())
}

/// It took longer than it might.
pub(super) fn of_time(one_off: &OneOff) -> Error {
    let seconds = one_off.limit.as_secs();
    let limit = if seconds.is_multiple_of(60) { format!("{} mins", seconds / 60) } else { format!("{seconds} s") };
    failed(one_off, Code::DeadlineExceeded, format!("Timed out ({limit}) while running"))
}

/// Its pod was taken away beneath it.
pub(super) fn of_deletion(one_off: &OneOff) -> Error {
    failed(one_off, Code::ProcessExited, "Its pod was deleted before the command ended: by hand, or with the app.")
}

/// It ended, and not by itself.
pub(super) fn of_loss(one_off: &OneOff, words: &str) -> Error {
    failed(one_off, Code::ProcessExited, format!("The command was ended with its pod: {words}. Run it again."))
}

/// The watches do not tell of the pod.
pub(super) fn of_silence(one_off: &OneOff) -> Error {
    let message = format!("Kubernetes does not say how the command is. {}", where_to_look(one_off));
    failed(one_off, Code::Unavailable, message)
}

/// This process ends.
pub(super) fn of_shutdown(one_off: &OneOff) -> Error {
    let message =
        format!("The controller is ending and waits no longer; the command goes on. {}", where_to_look(one_off));
    failed(one_off, Code::Unavailable, message)
}

/// The same request has started the command before, and may be waiting for it.
#[must_use]
pub fn repeated(one_off: &OneOff) -> Error {
    let message = format!("This command was started before, as {}. {}", one_off.pod(), where_to_look(one_off));
    Error::refused(Code::AlreadyExists, message)
}

fn where_to_look(one_off: &OneOff) -> String {
    format!("'deis logs -a {} --process run' shows what it prints.", one_off.app())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Assignment;
    use crate::deploy::no_node::NoNode;
    use crate::ledger::RequestKey;
    use crate::runs::{Attendance, Request};

    fn one_off(seconds: u64) -> OneOff {
        OneOff::new(Assignment::bare("shop"), 1, request(seconds))
    }

    fn request(seconds: u64) -> Request {
        Request {
            command: "ls".to_owned(),
            limit: Duration::from_secs(seconds),
            key: RequestKey::parse("0123456789abcdef").unwrap(),
            attendance: Attendance::Nobody,
        }
    }

    #[test]
    fn why_a_command_did_not_end_is_told_with_a_code_and_what_to_do() {
        let (one_off, patience) = (one_off(1200), Duration::from_secs(120));
        let refused = |words: &str| of_start(&one_off, EffectError::Refused(words.to_owned()));
        let trouble = |trouble: Trouble, waited| of_trouble(&one_off, Some(&trouble), waited);
        let no_node = || Trouble::Unschedulable(NoNode::parse("0/1 nodes are available: 1 Insufficient memory."));
        let told = [
            of_start(&one_off, EffectError::Unavailable("Kubernetes cannot be reached, trying again.".to_owned())),
            refused(
                "Kubernetes refuses Pod shop-run-x: pods \"shop-run-x\" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4",
            ),
            refused("Kubernetes refuses Pod shop-run-x: denied by a webhook"),
            trouble(Trouble::ImageMissing("not found".to_owned()), None),
            trouble(Trouble::Start("exec: \"/bin/bash\": no such file or directory".to_owned()), None),
            trouble(no_node(), Some(patience)),
            of_time(&one_off),
            of_time(&self::one_off(90)),
            of_deletion(&one_off),
            of_loss(&one_off, "The node was low on resource: memory"),
            of_silence(&one_off),
            of_shutdown(&one_off),
            repeated(&one_off),
        ];
        insta::assert_yaml_snapshot!(told.map(|error| format!("{}: {error}", error.code())));
    }

    #[test]
    fn a_repeated_request_has_the_same_pod() {
        let (first, again) = (one_off(60).pod(), one_off(60).pod());
        assert_eq!(first, again);
        assert_eq!(first.len(), "shop-run-".len() + 5);
        let other = Request { key: RequestKey::unique(), ..request(60) };
        assert_ne!(OneOff::new(Assignment::bare("shop"), 1, other).pod(), first);
    }
}
