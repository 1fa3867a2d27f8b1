//! The release phase: a build's command `release`, run once for each release before any pod of the one before goes.

use std::time::Duration;

use deis_api::{Code, ReleaseVersion};

use super::failure::Failure;
use super::world::Trouble;

/// A pod that runs the release phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its release.
    pub version: ReleaseVersion,
    /// Its name.
    pub pod: String,
    /// How far it is.
    pub state: PhaseState,
}

/// How far a release phase is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhaseState {
    /// It waits or runs; what keeps it from running.
    Running(Option<Trouble>),
    /// It ended well.
    Succeeded,
    /// It ended otherwise: with an exit code, or because it took too long.
    Failed(Option<i32>),
}

impl Phase {
    /// Why the release has failed, if it has; `stalled` is for how long nothing has moved, of `patience`.
    #[must_use]
    pub fn failure(&self, stalled: Duration, patience: Duration) -> Option<Failure> {
        let (code, message) = match &self.state {
            PhaseState::Succeeded => return None,
            PhaseState::Failed(Some(status)) => (
                Code::ReleasePhaseFailed,
                format!(
                    "The release command ended with exit code {status}; nothing was deployed. Its last lines say why."
                ),
            ),
            PhaseState::Failed(None) => (
                Code::ReleasePhaseFailed,
                "The release command did not come to its end in time; nothing was deployed.".to_owned(),
            ),
            PhaseState::Running(Some(
                Trouble::ImageMissing(words)
                | Trouble::ImageForbidden(words)
                | Trouble::ImageInvalid(words)
                | Trouble::Image(words),
            )) => (
                Code::ImagePullFailed,
                format!("The image of the release command cannot be pulled: {words}. Push again to rebuild it."),
            ),
            PhaseState::Running(Some(Trouble::Container(words))) => {
                (Code::PodRefused, format!("The container of the release command cannot be made: {words}."))
            }
            PhaseState::Running(Some(Trouble::Start(words))) => (
                Code::CommandFailed,
                format!("The release command cannot be started: {words}. Correct it in the Procfile."),
            ),
            PhaseState::Running(Some(Trouble::Unschedulable(no_node))) if stalled >= patience => (
                Code::NoRoom,
                format!("No node had room for the release command within {} s: {no_node}.", patience.as_secs()),
            ),
            PhaseState::Running(_) => return None,
        };
        Some(Failure { code, message, pod: Some(self.pod.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::no_node::NoNode;

    #[test]
    fn what_ends_a_release_and_what_does_not() {
        let patience = Duration::from_secs(120);
        let verdict = |state: PhaseState, stalled: Duration| {
            let phase = Phase { version: ReleaseVersion::FIRST, pod: "a-v1-release".to_owned(), state };
            phase.failure(stalled, patience).map(|failure| format!("{}: {}", failure.code, failure.message))
        };
        let unschedulable = || {
            PhaseState::Running(Some(Trouble::Unschedulable(NoNode::parse(
                "0/1 nodes are available: 1 Insufficient cpu.",
            ))))
        };
        insta::assert_yaml_snapshot!([
            verdict(PhaseState::Succeeded, patience),
            verdict(PhaseState::Running(None), patience),
            verdict(unschedulable(), Duration::ZERO),
            verdict(unschedulable(), patience),
            verdict(PhaseState::Running(Some(Trouble::ImageMissing("not found".to_owned()))), Duration::ZERO),
            verdict(PhaseState::Running(Some(Trouble::Start("no such file".to_owned()))), Duration::ZERO),
            verdict(PhaseState::Failed(Some(3)), Duration::ZERO),
            verdict(PhaseState::Failed(None), Duration::ZERO),
        ]);
    }
}
