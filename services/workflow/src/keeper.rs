//! Looks after apps for which nobody waits: deploys that died with their process, and drift made by hand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use deis_bootstrap::deadline;

use crate::deploy::plan::{Plan, plan};
use crate::deploy::{Cluster as _, Deployer};
use crate::error::Error;
use crate::kubernetes::{Cache, Kubernetes};
use crate::ledger::Ledger;

/// How often the ledger is asked for what the watches have nothing to tell of: a deploy that died before its first write, a wish whose
/// process died before it told anybody.
const RESYNC: Duration = Duration::from_secs(15);

/// The one process that looks after all apps.
#[derive(Clone)]
pub(crate) struct Keeper {
    /// What apps are to look like.
    pub(crate) ledger: Arc<dyn Ledger>,
    /// What they look like.
    pub(crate) kubernetes: Kubernetes,
    /// Which of them have changed.
    pub(crate) cache: Cache,
    /// Who brings them there.
    pub(crate) deployer: Deployer,
}

impl Keeper {
    /// Keeps all apps until dropped: all of them first, then those that change.
    pub(crate) async fn keep(self) {
        match self.ledger.app_names().await {
            Ok(apps) => {
                for app in apps {
                    self.look_after(&app).await;
                }
            }
            Err(error) => tracing::warn!(error = ?error, "the apps cannot be listed"),
        }
        loop {
            match deadline(RESYNC, self.cache.changes()).await {
                Ok(changed) => {
                    for app in changed {
                        self.look_after(&app).await;
                    }
                }
                Err(_quiet) => self.take_up_wishes().await,
            }
        }
    }

    async fn take_up_wishes(&self) {
        match self.ledger.unsettled().await {
            Ok(apps) => {
                for app in apps {
                    drop(self.deployer.converge(&app));
                }
            }
            Err(error) => tracing::warn!(error = ?error, "the apps with something to do cannot be listed"),
        }
    }

    async fn look_after(&self, app: &AppName) {
        match self.is_settled(app).await {
            Ok(true) => {}
            Ok(false) => drop(self.deployer.converge(app)),
            Err(error) => tracing::warn!(%app, error = ?error, "an app cannot be looked after"),
        }
    }

    /// Whether nothing is to be done, as far as one can tell without the lock.
    async fn is_settled(&self, app: &AppName) -> Result<bool, Error> {
        // An app that was deleted, or a namespace that only looks like one.
        let Some(assignment) = self.ledger.desired(app).await? else { return Ok(true) };
        let mut world = self.kubernetes.observe(app, assignment.served().as_ref(), &BTreeSet::new());
        // Which pods the routers know is a matter for the run itself.
        world.controllers.iter_mut().flat_map(|controller| &mut controller.pods).for_each(|pod| pod.reachable = true);
        let goal = assignment.goal(&world);
        // Waiting is nobody's work but Kubernetes'.
        let nothing_new = !assignment.deploying && assignment.unsettled.is_none();
        let is_served = self.kubernetes.is_served(app, &assignment.domains);
        Ok(nothing_new && is_served && matches!(plan(&goal, &world), Plan::Done | Plan::Wait(_)))
    }
}
