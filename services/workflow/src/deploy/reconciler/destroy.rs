use std::time::Duration;

use deis_api::Code;

use super::{Ending, Run};
use crate::deploy::cluster::Demolition;
use crate::deploy::effects::{EffectError, Effects, Surroundings};
use crate::deploy::failure::Failure;

/// How long Kubernetes may take to delete a namespace; pods get 30 s to end.
const PATIENCE: Duration = Duration::from_secs(120);
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
