use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deis_api::{AppName, ReleaseVersion};
use deis_bootstrap::Context;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Away, Event, LogStore};
use crate::deploy::Failure;
use crate::hooks::Hooks;
use crate::ledger::{App, Release, Released};

/// So many events wait for the store at most.
const QUEUE: usize = 1024;
/// Events that wait longer are not tried again.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);
/// Between two tries.
const PACE: Duration = Duration::from_secs(1);

/// Takes the events of apps to their logs, in order. It never blocks and never fails: what does not get through is counted, in the
/// metric `deis_workflow_events_dropped` and in the app's log as soon as that can be reached again.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
    hooks: Hooks,
}

struct Inner {
    queue: mpsc::Sender<(AppName, Event)>,
    /// How many events of an app did not get through since one did.
    missing: Mutex<BTreeMap<AppName, u64>>,
    dropped: Counter,
}

impl Events {
    /// Starts to hand events over to a store.
    #[must_use]
    pub fn start(context: &Context, store: Arc<dyn LogStore>) -> Self {
        let (queue, events) = mpsc::channel(QUEUE);
        let dropped = context.metrics.counter("events_dropped", "Events of apps that are not in their logs");
        let inner = Arc::new(Inner { queue, missing: Mutex::default(), dropped });
        let worker = Worker { events, store, inner: Arc::clone(&inner) };
        drop(context.tasks.spawn("record events", worker.work(context.shutdown.clone())));
        Self { inner, hooks: Hooks::default() }
    }

    /// The same, with others who are told of every release.
    #[must_use]
    pub fn announced_by(self, hooks: Hooks) -> Self {
        Self { hooks, ..self }
    }

    /// Records an event of now. `text` must hold no secret: every user of the app may read it.
    pub fn record(&self, app: &AppName, kind: &'static str, text: impl Into<String>) {
        let event = Event { kind, text: text.into(), time: Timestamp::now() };
        if self.inner.queue.try_send((app.clone(), event)).is_err() {
            self.inner.drop_one(app);
        }
    }

    /// An app was created, with its first config.
    pub fn created(&self, app: &App, config: Uuid) {
        let id = &app.id;
        self.record(id, "config", format!("config {id}-{} updated", short(config)));
        self.record(id, "release", crate::releases::summary::initial(&app.owner));
        self.record(id, "settings", format!("appsettings {id}-{} updated", short(app.uuid)));
        self.record(id, "domain", format!("domain {id} added"));
    }

    /// A release was made, with its build or config. Who only joins the request that made it has nothing to tell.
    pub fn released(&self, app: &AppName, released: &Released) {
        let Released { release, config, made } = released;
        if made.config {
            self.record(app, "config", format!("config {app}-{} updated", short(config.uuid)));
        }
        if let Some(build) = release.build.filter(|_| made.build) {
            self.record(app, "build", format!("build {app}-{} created", short(build)));
        }
        if made.release {
            self.record(app, "release", release.summary.clone());
            self.announce(app, release);
        }
    }

    /// Tells those of a release who are told of every one.
    pub fn announce(&self, app: &AppName, release: &Release) {
        self.hooks.released(self, app, release);
    }

    /// A release could not be deployed.
    pub fn failed(&self, app: &AppName, release: ReleaseVersion, failure: &Failure) {
        self.record(app, "deploy-failed", format!("{release} failed: {} ({})", failure.message, failure.code));
    }
}

/// The first characters of an identity, as the original writes it.
fn short(uuid: Uuid) -> String {
    let mut id = uuid.simple().to_string();
    id.truncate(7);
    id
}

impl Inner {
    fn drop_one(&self, app: &AppName) {
        self.dropped.inc();
        *self.missing.lock().entry(app.clone()).or_default() += 1;
    }
}

struct Worker {
    events: mpsc::Receiver<(AppName, Event)>,
    store: Arc<dyn LogStore>,
    inner: Arc<Inner>,
}

impl Worker {
    async fn work(mut self, shutdown: CancellationToken) {
        while let Some(Some((app, event))) = shutdown.run_until_cancelled(self.events.recv()).await {
            self.hand_over(&app, &event, &shutdown).await;
        }
        // What was answered before the end is still told, unless the store is away too: the end does not wait for it.
        self.events.close();
        let mut reached = true;
        while let Some((app, event)) = self.events.recv().await {
            if reached {
                reached = self.hand_over(&app, &event, &shutdown).await;
            } else {
                self.inner.drop_one(&app);
            }
        }
    }

    /// Whether it got through.
    async fn hand_over(&self, app: &AppName, event: &Event, shutdown: &CancellationToken) -> bool {
        let missing = self.inner.missing.lock().remove(app).unwrap_or_default();
        let outcome = match missing {
            0 => Ok(()),
            missing => {
                let text = format!("{missing} events are missing: the log store could not be reached");
                self.try_to(app, &Event { kind: "dropped", text, time: event.time }, shutdown).await
            }
        };
        let outcome = match outcome {
            Ok(()) => self.try_to(app, event, shutdown).await.map_err(|away| (away, 0)),
            Err(away) => Err((away, missing)),
        };
        let Err((away, unsaid)) = outcome else { return true };
        tracing::warn!(%app, %away, kind = event.kind, "an event is not in the app's log");
        *self.inner.missing.lock().entry(app.clone()).or_default() += unsaid;
        self.inner.drop_one(app);
        false
    }

    /// Tries until the event is too old, or the process ends; once at least.
    async fn try_to(&self, app: &AppName, event: &Event, shutdown: &CancellationToken) -> Result<(), Away> {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace.tick().await;
        loop {
            let Err(away) = self.store.record(app, event).await else { return Ok(()) };
            if shutdown.is_cancelled() || Timestamp::now().duration_since(event.time) >= PATIENCE {
                return Err(away);
            }
            shutdown.run_until_cancelled(pace.tick()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use tokio::sync::Semaphore;

    use super::super::{Entries, Query};
    use super::*;

    /// Takes an event for each permit.
    struct Slow {
        permits: Semaphore,
        taken: mpsc::Sender<String>,
    }

    impl LogStore for Slow {
        fn read<'a>(&'a self, _app: &'a AppName, _query: &'a Query) -> BoxFuture<'a, Result<Entries, Away>> {
            Box::pin(async { Err(Away("not asked".to_owned())) })
        }

        fn record<'a>(&'a self, _app: &'a AppName, event: &'a Event) -> BoxFuture<'a, Result<(), Away>> {
            Box::pin(async {
                self.permits.acquire().await.unwrap().forget();
                self.taken.send(format!("{}: {}", event.kind, event.text)).await.unwrap();
                Ok(())
            })
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_counted_and_said() {
        let context = Context::new("workflow");
        let (taken, mut log) = mpsc::channel(2 * QUEUE);
        let store = Arc::new(Slow { permits: Semaphore::new(0), taken });
        let events = Events::start(&context, Arc::clone(&store) as _);
        let app = "shop".parse().unwrap();
        for number in 0..QUEUE + 3 {
            events.record(&app, "scale", number.to_string());
        }
        assert_eq!(events.inner.dropped.get(), 3);
        assert!(context.metrics.encode().unwrap().contains("deis_workflow_events_dropped_total 3\n"));
        store.permits.add_permits(QUEUE + 1);
        assert_eq!(log.recv().await.unwrap(), "dropped: 3 events are missing: the log store could not be reached");
        for number in 0..QUEUE {
            assert_eq!(log.recv().await.unwrap(), format!("scale: {number}"));
        }
    }

    #[tokio::test]
    async fn what_was_recorded_before_the_end_is_told() {
        let context = Context::new("workflow");
        let (taken, mut log) = mpsc::channel(4);
        let store = Arc::new(Slow { permits: Semaphore::new(4), taken });
        let events = Events::start(&context, store);
        let app = "shop".parse().unwrap();
        events.record(&app, "scale", "one");
        events.record(&app, "scale", "two");
        context.shutdown.cancel();
        context.tasks.finished().await;
        assert_eq!([log.recv().await.unwrap(), log.recv().await.unwrap()], ["scale: one", "scale: two"]);
    }
}
