use std::time::Duration;

use deis_api::Code;

use super::{Ending, Footprint, LONGEST_WAIT, Run};
use crate::deploy::cluster::Demolition;
use crate::deploy::effects::{EffectError, Effects, Surroundings};
use crate::deploy::failure::Failure;

/// How long Kubernetes may take to delete a namespace; pods get 30 s to end.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long Kubernetes may take where nobody waits, but for another app that is to have this name.
const CLEARING_UP: Duration = Duration::from_secs(30);
/// How often people are told what keeps it.
const LOOK: Duration = Duration::from_secs(5);

impl<W: Effects + Surroundings> Run<'_, W> {
    /// The next step of destroying the app. First what runs, then what is kept elsewhere, and last the ledger's rows, which say until
    /// then that it is to go: whoever comes after a process that died begins again, and every step is fine when it was done before.
    pub(super) async fn destroy(&mut self) -> Result<Option<Ending>, EffectError> {
        match self.world.demolish(&self.grant, LOOK).await? {
            Demolition::Gone => {}
            Demolition::Remains(why) => {
                let since = *self.demolishing_since.get_or_insert(self.world.now());
                if self.world.now().saturating_sub(since) < PATIENCE {
                    self.tell(why);
                    return Ok(None);
                }
                let message = format!("{why} It is deleted as soon as nothing keeps it; ask your operator to look.");
                return Ok(Some(Ending::Stuck(Failure { code: Code::NamespaceStuck, message, pod: None })));
            }
        }
        self.tell("removing repository, images and log lines".to_owned());
        self.narrator.waits_for_others(true);
        let gone = self.world.let_go(&self.grant).await;
        self.narrator.waits_for_others(false);
        gone?;
        self.world.forget(&self.grant).await?;
        Ok(Some(Ending::Destroyed))
    }
}

/// Deletes what this process made of an app that somebody else has destroyed since, under the grant that it had: what was made under a later
/// one is of another app with this name, and stays.
pub(super) async fn clear_up<W: Effects + Surroundings>(
    world: &W,
    footprint: &mut Footprint,
) -> Result<(), EffectError> {
    let Some(grant) = &footprint.0 else { return Ok(()) };
    let since = world.now();
    while world.now().saturating_sub(since) < CLEARING_UP {
        match world.demolish(grant, LOOK).await {
            Ok(Demolition::Gone) => {
                footprint.0 = None;
                return Ok(());
            }
            Ok(Demolition::Remains(_)) => {}
            Err(EffectError::Changed | EffectError::Unavailable(_)) => {
                world.changed(&grant.app, u64::MAX, LONGEST_WAIT).await;
            }
            Err(error) => return Err(error),
        }
    }
    tracing::warn!(app = %grant.app, "what was made of an app that is destroyed is still there");
    Ok(())
}
