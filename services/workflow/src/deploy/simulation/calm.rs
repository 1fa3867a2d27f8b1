//! A world in which one thing happens after the other, and nothing breaks.

use std::collections::BTreeMap;

use deis_api::ProcType;

use crate::deploy::effects::EffectError;
use crate::deploy::reconciler::Ending;

use super::life::Life;
use super::universe::{At, State, Universe};

/// No run takes more steps than this.
const PATIENCE: usize = 20_000;

/// How much of what can happen in Kubernetes happens while a process waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    OneByOne,
    AllAtOnce,
}

fn two_of_each() -> BTreeMap<ProcType, u32> {
    let kinds = [ProcType::web(), "worker".parse().unwrap()];
    kinds.into_iter().map(|kind| (kind, 2)).collect()
}

impl Universe {
    /// An app with web and worker, two pods of each.
    pub(super) fn at_rest() -> Self {
        Self::new(State::serving(two_of_each()))
    }

    /// The same, and worker has paths.
    pub(super) fn with_paths() -> Self {
        Self::new(State::with_paths(two_of_each(), "worker".parse().unwrap()))
    }

    /// Three pods of web by the word of an autoscaler.
    pub(super) fn autoscaled() -> Self {
        Self::new(State::autoscaled(two_of_each()))
    }

    /// The next step of a run; the end, if it is there.
    pub(super) fn go_on(&self, life: &mut Life, pace: Pace) -> Option<Result<Ending, EffectError>> {
        {
            let mut state = self.state();
            if let At::Waiting { until, .. } = state.processes[&life.id].at {
                state.deliver(life.id, [true; 4]);
                if !state.wakes(life.id) {
                    let mut happened = state.tick(0);
                    while pace == Pace::AllAtOnce && state.tick(0) {
                        happened = true;
                    }
                    if !happened {
                        let left = until.saturating_sub(state.now);
                        state.pass(left);
                    }
                    state.deliver(life.id, [true; 4]);
                }
                if !state.wakes(life.id) {
                    return None;
                }
                if let Some(mind) = state.processes.get_mut(&life.id) {
                    mind.at = At::Work;
                }
            }
        }
        life.step()
    }

    /// Processes come and go until all is as it is wanted; the first has this number.
    pub(super) fn finish(&self, first: usize, pace: Pace) {
        for id in first..first + 50 {
            let mut life = Life::begin(self, id);
            let end = (0..PATIENCE).find_map(|_| self.go_on(&mut life, pace));
            match end {
                Some(Ok(Ending::Settled | Ending::Destroyed) | Err(EffectError::Gone(_))) => return,
                // It is taken up again when something changes.
                Some(_) => {
                    self.state().tick(0);
                }
                None => break,
            }
        }
        self.state().violation("it does not come to an end".to_owned());
    }

    /// What did not hold, and what happened.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let mut state = self.state();
        state.check_end();
        state.check_restarted();
        match state.checker.violations.first() {
            None => Ok(()),
            Some(first) => Err(format!("{first}\n{}", state.log.join("\n"))),
        }
    }
}

impl State {
    pub(super) fn wakes(&self, id: usize) -> bool {
        let mind = &self.processes[&id];
        let At::Waiting { since, until } = mind.at else { return true };
        let is_gone = since == u64::MAX && self.kubernetes.namespace == super::kubernetes::Namespace::Absent;
        mind.view.generation > since || self.now >= until || is_gone
    }
}
