use deis_api::{ProcType, ReleaseVersion};

use crate::deploy::goal::ReleasePhase;
use crate::deploy::phase::PhaseState;
use crate::deploy::world::Trouble;

use super::Fate;
use super::universe::{RULE, State};

/// What people ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A push, and every change of the config: a release.
    Release,
    /// A release whose pods listen elsewhere.
    Port,
    /// A release whose processes end at once.
    Crashing,
    /// A release that never gets ready.
    Silent,
    /// A release with a command that is to be run before.
    Command,
    /// A release whose command fails.
    FailingCommand,
    /// A release that is what the first one was.
    Rollback,
    /// So many pods of each process type, from here on.
    Scale(u32),
    /// New pods in the place of all that there are.
    Restart,
    /// The same, of pods that are not ready.
    RestartIdle,
    /// The same, when new pods end at once.
    RestartCrashing,
    /// As many pods of web as its load asks for,
    Autoscale,
    /// and as many as there are, whatever it asks for.
    Fix,
    Destroy,
    /// What there is already, when somebody has deleted what says what a node may take of it.
    Protection,
}

fn crash() -> Fate {
    Fate::Fails(Trouble::Exited { code: 1, times: 2, after: None })
}

impl Wish {
    pub(super) const ALL: [Self; 17] = [
        Self::Release,
        Self::Port,
        Self::Crashing,
        Self::Silent,
        Self::Command,
        Self::FailingCommand,
        Self::Rollback,
        Self::Scale(1),
        Self::Scale(4),
        Self::Scale(0),
        Self::Restart,
        Self::Autoscale,
        Self::Fix,
        Self::Destroy,
        Self::RestartIdle,
        Self::RestartCrashing,
        Self::Protection,
    ];

    /// Those that can be had at any time; the last is a destruction, after which little happens.
    pub(super) fn lasting() -> &'static [Self] {
        &Self::ALL[..14]
    }

    /// Records it, as the API does; false when that refuses it.
    pub(super) fn record(self, state: &mut State) -> bool {
        let ledger = &state.ledger;
        if !ledger.exists || ledger.destroying || self.makes_nothing_of_a_bad_release(state) {
            return false;
        }
        let ledger = &mut state.ledger;
        match self {
            Self::Scale(count) => {
                ledger.structure.values_mut().for_each(|asked| *asked = count);
                ledger.autoscaled.clear();
                state.checker.autoscaled.clear();
                ledger.intent += 1;
            }
            Self::Restart | Self::RestartIdle | Self::RestartCrashing => {
                ledger.restarts.extend(state.kubernetes.pods.keys().copied().map(super::kubernetes::uid));
                ledger.intent += 1;
            }
            Self::Autoscale => {
                ledger.autoscale.insert(ProcType::web(), RULE);
                ledger.intent += 1;
            }
            Self::Fix => {
                ledger.autoscale.clear();
                ledger.intent += 1;
            }
            Self::Protection => {
                ledger.intent += 1;
                state.cluster().budgets.clear();
            }
            Self::Destroy => {
                ledger.destroying = true;
                ledger.fence += 1;
                ledger.intent += 1;
            }
            _ if ledger.is_deploying() => return false,
            _ => self.release(state),
        }
        match self {
            Self::RestartIdle => {
                let pods = state.cluster().pods.values_mut();
                pods.for_each(|pod| (pod.ready, pod.is_lame) = (false, true));
                state.rest();
            }
            Self::RestartCrashing => {
                let release = state.ledger.desired;
                state.cluster().fates.insert(release, (crash(), PhaseState::Succeeded));
            }
            _ => {}
        }
        state.ask();
        state.note(|| format!("somebody asks for {self:?}"));
        true
    }

    /// Of a release without pods nobody knows that they would not serve.
    fn makes_nothing_of_a_bad_release(self, state: &State) -> bool {
        let is_bad = state.kubernetes.fates.get(&state.ledger.desired).is_some_and(|(fate, _)| *fate != Fate::Serves);
        let is_empty = state.ledger.structure.values().all(|asked| *asked == 0);
        (self == Self::Scale(0) && is_bad) || (matches!(self, Self::Crashing | Self::Silent) && is_empty)
    }

    fn release(self, state: &mut State) {
        let first = ReleaseVersion::FIRST;
        let (fate, ends) = match self {
            Self::Crashing => (crash(), PhaseState::Succeeded),
            Self::Silent => (Fate::NeverReady, PhaseState::Succeeded),
            Self::FailingCommand => (Fate::Serves, PhaseState::Failed(Some(1))),
            _ => (Fate::Serves, PhaseState::Succeeded),
        };
        let has_command = matches!(self, Self::Command | Self::FailingCommand);
        let phase = if has_command { ReleasePhase::ToRun } else { ReleasePhase::None };
        let before = state.ledger.releases[&state.ledger.desired].port;
        let port = match self {
            Self::Port => before + 1,
            Self::Rollback => state.ledger.releases[&first].port,
            _ => before,
        };
        let version = state.ledger.record(port, phase);
        state.cluster().fates.insert(version, (fate, ends));
    }
}
