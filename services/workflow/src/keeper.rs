//! Looks after apps for which nobody waits: deploys that died with their process, and drift made by hand.

use std::collections::BTreeSet;
use std::future::pending;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use deis_api::AppName;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use crate::deploy::plan::{Plan, plan};
use crate::deploy::{Cluster as _, Deployer, Outcome};
use crate::error::Error;
use crate::kubernetes::{Cache, Kubernetes};
use crate::ledger::Ledger;
use crate::runs::Runs;

/// How often the ledger is asked for what the watches have nothing to tell of: a deploy that died before its first write, a wish whose
/// process died before it told anybody.
const RESYNC: Duration = Duration::from_secs(15);
/// How many runs the keeper has at work: after an upgrade every app may need one, and people's own deploys are to get through.
const AT_ONCE: usize = 8;

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
    /// Commands that users run once.
    pub(crate) runs: Runs,
}

impl Keeper {
    /// Keeps all apps until dropped: all of them first, then those that change.
    pub(crate) async fn keep(self) {
        self.cache.complete().await;
        let mut work = Work::default();
        match self.ledger.app_names().await {
            Ok(apps) => {
                for app in apps {
                    self.look_after(app, &mut work).await;
                }
            }
            Err(error) => tracing::warn!(error = ?error, "the apps cannot be listed"),
        }
        let mut resync = interval(RESYNC);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // However much changes, each of them gets its turn.
            tokio::select! {
                changed = self.cache.changes() => {
                    for app in changed {
                        self.look_after(app, &mut work).await;
                    }
                }
                _tick = resync.tick() => {
                    self.take_up_wishes(&mut work).await;
                    self.runs.prune(Timestamp::now()).await;
                    self.prune_keys().await;
                }
                () = work.ended() => work.begin(|app| self.run(app)),
            }
        }
    }

    /// Starts a run, or has the one that is under way look once more: that is somebody else's, who waits for it.
    fn run(&self, app: &AppName) -> Option<BoxFuture<'static, Outcome>> {
        let run = self.deployer.converge(app);
        run.is_first().then(|| run.ended().boxed())
    }

    async fn take_up_wishes(&self, work: &mut Work) {
        for app in std::mem::take(&mut work.failed) {
            self.look_after(app, work).await;
        }
        match self.ledger.unsettled().await {
            Ok(apps) => work.wanted.extend(apps),
            Err(error) => tracing::warn!(error = ?error, "the apps with something to do cannot be listed"),
        }
        work.begin(|app| self.run(app));
    }

    async fn prune_keys(&self) {
        if let Err(error) = self.ledger.prune_keys(Timestamp::now()).await {
            tracing::warn!(error = ?error, "the keys of old requests cannot be forgotten");
        }
    }

    async fn look_after(&self, app: AppName, work: &mut Work) {
        match self.is_settled(&app).await {
            Ok(true) => {}
            Ok(false) => {
                work.wanted.insert(app);
                work.begin(|app| self.run(app));
            }
            Err(error) => tracing::warn!(%app, error = ?error, "an app cannot be looked after"),
        }
    }

    /// Whether nothing is to be done, as far as one can tell without the lock.
    async fn is_settled(&self, app: &AppName) -> Result<bool, Error> {
        // An app that was deleted, or a namespace that only looks like one.
        let Some(assignment) = self.ledger.desired(app).await? else { return Ok(true) };
        let mut world = self.kubernetes.observe(app, &assignment.routed(), &BTreeSet::new());
        // Which pods the routers know is a matter for the run itself.
        world.controllers.iter_mut().flat_map(|controller| &mut controller.pods).for_each(|pod| pod.reachable = true);
        let goal = assignment.goal(&world);
        // Waiting is nobody's work but Kubernetes'.
        let nothing_new = !assignment.deploying && assignment.unsettled.is_none();
        let is_served = self.kubernetes.is_served(app, &assignment.routing);
        Ok(nothing_new && is_served && matches!(plan(&goal, &world), Plan::Done | Plan::Wait(_)))
    }
}

/// What the keeper has begun, and what it has yet to.
#[derive(Default)]
struct Work {
    wanted: BTreeSet<AppName>,
    /// The app whose run was begun last: the next in the alphabet comes next, so that none is passed over for ever.
    last: Option<AppName>,
    at_work: FuturesUnordered<BoxFuture<'static, (AppName, Outcome)>>,
    /// Apps whose run ended in an error, and nothing has to change before they can be brought further.
    failed: BTreeSet<AppName>,
}

impl Work {
    /// Begins as many runs as may be at work. `run` answers with the outcome of one that it starts.
    fn begin(&mut self, run: impl Fn(&AppName) -> Option<BoxFuture<'static, Outcome>>) {
        while self.at_work.len() < AT_ONCE
            && let Some(app) = self.next()
        {
            if let Some(outcome) = run(&app) {
                self.at_work.push(outcome.map(|outcome| (app, outcome)).boxed());
            }
        }
    }

    fn next(&mut self) -> Option<AppName> {
        let rest = self.last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let after = self.wanted.range((rest, Bound::Unbounded)).next();
        let app = after.or_else(|| self.wanted.first()).cloned()?;
        self.wanted.remove(&app);
        self.last = Some(app.clone());
        Some(app)
    }

    /// Waits until a run ends.
    async fn ended(&mut self) {
        match self.at_work.next().await {
            Some((app, Err(_told))) => {
                self.failed.insert(app);
            }
            Some((_app, Ok(_))) => {}
            None => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::*;
    use crate::deploy::{EffectError, Ending};

    #[tokio::test]
    async fn so_many_runs_are_at_work_and_no_app_is_passed_over_or_given_up() {
        let app = |number: usize| format!("app-{number:02}").parse::<AppName>().unwrap();
        let begun = RefCell::new(Vec::new());
        let run = |app: &AppName| -> Option<BoxFuture<'static, Outcome>> {
            let (end, ended) = oneshot::channel::<Outcome>();
            begun.borrow_mut().push((app.clone(), end));
            Some(async { ended.await.unwrap() }.boxed())
        };
        let end = |number: usize, outcome: Outcome| {
            let mut begun = begun.borrow_mut();
            let at = begun.iter().position(|(begun, _)| *begun == app(number)).unwrap();
            begun.remove(at).1.send(outcome).unwrap();
        };
        let at_work = || begun.borrow().iter().map(|(app, _)| app.clone()).collect::<Vec<_>>();

        let mut work = Work { wanted: (0..20).map(app).collect(), ..Work::default() };
        work.begin(run);
        assert_eq!(at_work(), (0..8).map(app).collect::<Vec<_>>());
        end(0, Ok(Ending::Settled));
        work.ended().await;
        // It changes again and again.
        work.wanted.insert(app(0));
        work.begin(run);
        assert_eq!(at_work(), (1..9).map(app).collect::<Vec<_>>());
        end(1, Err(Arc::new(EffectError::Unavailable("Kubernetes cannot be reached.".to_owned()))));
        work.ended().await;
        assert_eq!((work.at_work.len(), work.failed), (7, [app(1)].into()));
    }

    #[tokio::test]
    async fn runs_of_others_are_not_waited_for() {
        let mut work = Work {
            wanted: (0..20).map(|number| format!("app-{number}").parse().unwrap()).collect(),
            ..Work::default()
        };
        work.begin(|_app| None);
        assert!(work.wanted.is_empty() && work.at_work.is_empty());
        assert!(work.ended().now_or_never().is_none());
    }
}
