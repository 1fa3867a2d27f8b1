use std::collections::BTreeMap;

use deis_api::ProcType;
use deis_kube::apply::Seen;

use super::Run;
use crate::deploy::effects::{EffectError, Effects, Surroundings};
use crate::deploy::goal::Extra;
use crate::deploy::plan::Action;
use crate::deploy::world::{Controller, Service, World};

/// The controllers and the Service that this run has written. A write goes on top of the version that was seen and leaves the run's
/// fence: what is claimed was as it looked, and nobody who was overtaken changes it any more.
///
/// So is how many pods an autoscaler has left, and that there are as many as asked for when it is to take over: both are true then.
/// Taking pods away rests on all of them, not only on the one that is written: on others that serve meanwhile, and on what the routers
/// are told.
#[derive(Default)]
pub(super) struct Claims {
    /// Uid to the version that our last write went on top of; `None` when that changed nothing.
    written: BTreeMap<String, Option<String>>,
}

impl Claims {
    /// The object was written as it was seen, unless the write changed nothing.
    fn note(&mut self, seen: &Seen, has_changed: bool) {
        self.written.insert(seen.uid.clone(), has_changed.then(|| seen.resource_version.clone()));
    }

    /// Nobody knows what became of a write.
    pub(super) fn forget(&mut self) {
        self.written.clear();
    }

    /// Whether the watches have yet to tell of something that this run has written.
    pub(super) fn are_ahead_of(&self, observed: &World) -> bool {
        let is_old = |seen: &Seen| {
            let before = self.written.get(&seen.uid).and_then(Option::as_ref);
            before.is_some_and(|before| *before == seen.resource_version)
        };
        let service = observed.service.iter().map(|service| &service.seen);
        observed.controllers.iter().map(|controller| &controller.seen).chain(service).any(is_old)
    }

    /// What has to be claimed before these steps are taken.
    fn missing<'a>(&self, actions: &[Action<'_>], observed: &'a World) -> (Vec<&'a Controller>, Option<&'a Service>) {
        let takes_away = |action: &Action<'_>| {
            let is_harmless = matches!(
                action,
                Action::Create(_)
                    | Action::Grow(..)
                    | Action::Protect(_)
                    | Action::Unprotect(_)
                    | Action::TakeBack(_)
                    | Action::HandOver(_)
            );
            !is_harmless
        };
        if !actions.iter().any(takes_away) {
            return (Vec::new(), None);
        }
        let is_claimed = |seen: &Seen| self.written.contains_key(&seen.uid);
        let controllers = observed.controllers.iter().filter(|controller| !is_claimed(&controller.seen));
        // A word to the routers is a claim itself.
        let is_told = !actions.iter().any(|action| matches!(action, Action::Drain(..)));
        let service = observed
            .service
            .as_ref()
            .filter(|service| is_told && !is_claimed(&service.seen) && !service.drain.leaving.is_empty());
        (controllers.collect(), service)
    }
}

impl<W: Effects + Surroundings> Run<'_, W> {
    /// Takes these steps, or first claims what they rest on.
    pub(super) async fn act_all(
        &mut self,
        assignment: &super::Assignment,
        actions: Vec<Action<'_>>,
        observed: &World,
    ) -> Result<(), EffectError> {
        let (controllers, service) = self.claims.missing(&actions, observed);
        if controllers.is_empty() && service.is_none() {
            self.looks_at_once = actions.iter().all(|action| matches!(action, Action::Hold(..) | Action::Entrust(_)));
            for action in actions {
                self.act(assignment, action).await?;
            }
            return Ok(());
        }
        for controller in controllers {
            self.world.resize(&self.grant, controller, controller.replicas, &[]).await?;
            self.claims.note(&controller.seen, controller.seen.fence != self.grant.fence);
        }
        if let Some(service) = service {
            self.world.drain(&self.grant, service, &service.drain.next(service.drain.leaving.clone())).await?;
            self.claims.note(&service.seen, true);
        }
        Ok(())
    }

    async fn act(&mut self, assignment: &super::Assignment, action: Action<'_>) -> Result<(), EffectError> {
        match action {
            Action::Create(proc_type) => self.world.create(&self.grant, assignment, proc_type).await?,
            Action::Grow(controller, to) => {
                self.world.resize(&self.grant, controller, to, &[]).await?;
                self.claims.note(&controller.seen, true);
            }
            Action::Shrink(controller, to, leaving) => {
                self.world.resize(&self.grant, controller, to, &leaving).await?;
                self.claims.note(&controller.seen, true);
            }
            Action::Replace(_, pods) => self.world.replace(&self.grant, &pods).await?,
            Action::Drain(service, drain) => {
                self.world.drain(&self.grant, service, &drain).await?;
                self.claims.note(&service.seen, true);
            }
            Action::Protect(proc_type) => {
                let done = self.world.protect(&self.grant, proc_type).await;
                self.unless_refused(Extra::Budget, proc_type, done)?;
            }
            Action::Unprotect(budget) => {
                let done = self.world.unprotect(&self.grant, budget).await;
                self.unless_refused(Extra::Budget, &budget.proc_type, done)?;
            }
            Action::TakeBack(autoscaler) => {
                self.world.take_back(&self.grant, autoscaler).await?;
                // Until then it may have changed what it scaled, of which the watches have yet to tell.
                self.claims.forget();
            }
            Action::Hold(proc_type, count) => self.world.hold(&self.grant, proc_type, count).await?,
            Action::Entrust(proc_type) => self.world.entrust(&self.grant, assignment, proc_type).await?,
            Action::HandOver(proc_type) => {
                let done = self.world.hand_over(&self.grant, assignment, proc_type).await;
                self.unless_refused(Extra::Autoscaler, proc_type, done)?;
            }
            Action::Delete(controller) => self.world.delete(&self.grant, controller).await?,
        }
        Ok(())
    }

    /// What serves is no worse for what it has not got besides: that is left out for the rest of the run.
    fn unless_refused(
        &mut self,
        extra: Extra,
        proc_type: &ProcType,
        done: Result<(), EffectError>,
    ) -> Result<(), EffectError> {
        match done {
            Err(EffectError::Refused(why)) => {
                tracing::warn!(app = %self.grant.app, %proc_type, why, "the release goes on without it");
                self.refused.insert((extra, proc_type.clone()));
                Ok(())
            }
            other => other,
        }
    }
}
