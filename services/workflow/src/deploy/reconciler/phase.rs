use std::time::Duration;

use super::Run;
use crate::deploy::effects::{EffectError, Effects, Surroundings};
use crate::deploy::goal::{Assignment, ReleasePhase};
use crate::deploy::phase::PhaseState;
use crate::deploy::world::World;

impl<W: Effects + Surroundings> Run<'_, W> {
    /// The next step of the release phase; true when there is none, or it is over.
    pub(super) async fn run_phase(
        &mut self,
        assignment: &Assignment,
        observed: &World,
        stalled: Duration,
    ) -> Result<bool, EffectError> {
        if !assignment.deploying || assignment.phase != ReleasePhase::ToRun {
            return Ok(true);
        }
        let Some(phase) = observed.phases.iter().find(|phase| phase.version == assignment.release) else {
            self.world.start_phase(&self.grant, assignment).await?;
            self.tell("running the release command".to_owned());
            return Ok(false);
        };
        if let Some(failure) = phase.failure(stalled, assignment.patience()) {
            self.give_up(assignment, &failure).await?;
            return Ok(false);
        }
        if phase.state == PhaseState::Succeeded {
            // From here on it does not matter what becomes of the pod.
            self.world.end_phase(&self.grant, assignment.release).await?;
            self.looks_at_once = true;
            return Ok(false);
        }
        self.tell("running the release command".to_owned());
        Ok(false)
    }
}
