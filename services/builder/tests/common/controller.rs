//! The controller and the locks, in memory.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::{AppName, Code, Username};
use deis_bootstrap::Tasks;
use deis_builder::Error;
use deis_builder::ports::{Access, Attempt, Call, Controller, DeployEvent, FailedBuild, Held, Lock, Locks, NewBuild};
use deis_rpc::{Fault, status};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// One answer to `create_build`.
pub(crate) enum Answer {
    /// These events, and the end of the call.
    Events(Vec<DeployEvent>),
    /// A release, then nothing until the notice, then "deployed".
    After(Arc<Notify>),
}

pub(crate) struct FakeController {
    /// Base64 of a public key, to its user.
    keys: Mutex<HashMap<String, String>>,
    /// Apps that only "owner" may use, in any way.
    pub(crate) foreign: Mutex<HashSet<String>>,
    /// Apps that are not there.
    pub(crate) missing: Mutex<HashSet<String>>,
    pub(crate) unreachable: Mutex<bool>,
    /// Config variables of all apps.
    pub(crate) environment: Mutex<HashMap<String, String>>,
    /// Taken one by one; without one, a deploy of v2 that works.
    pub(crate) answers: Mutex<Vec<Answer>>,
    pub(crate) builds: watch::Sender<Vec<NewBuild>>,
    /// Builds that failed or were cancelled.
    pub(crate) failed: Mutex<Vec<FailedBuild>>,
}

impl Default for FakeController {
    fn default() -> Self {
        Self {
            keys: Mutex::default(),
            foreign: Mutex::default(),
            missing: Mutex::default(),
            unreachable: Mutex::default(),
            environment: Mutex::new(HashMap::from([("POWERED_BY".to_owned(), "Kubernetes".to_owned())])),
            answers: Mutex::default(),
            builds: watch::channel(Vec::new()).0,
            failed: Mutex::default(),
        }
    }
}

impl FakeController {
    pub(crate) fn register(&self, user: &str, key: &str) {
        self.keys.lock().insert(key.to_owned(), user.to_owned());
    }

    pub(crate) fn forget(&self, key: &str) {
        self.keys.lock().remove(key);
    }

    pub(crate) fn builds(&self) -> Vec<NewBuild> {
        self.builds.borrow().clone()
    }

    /// Waits for so many calls of `create_build`.
    pub(crate) async fn builds_reach(&self, count: usize) {
        self.builds.subscribe().wait_for(|builds| builds.len() >= count).await.unwrap();
    }
}

fn fault(code: Code, message: &str) -> Error {
    Error::Peer(Fault::from(&status(code, message)))
}

impl Controller for FakeController {
    fn authenticate(&self, public_key: Vec<u8>) -> Call<'_, Option<Username>> {
        let key = STANDARD.encode(&public_key);
        let found = self.keys.lock().get(&key).map(|user| user.parse().unwrap());
        let outcome = if *self.unreachable.lock() { Err(Error::ControllerUnreachable) } else { Ok(found) };
        std::future::ready(outcome).boxed()
    }

    /// In the words of the real one.
    fn authorize(&self, user: Username, app: AppName, _access: Access) -> Call<'_, ()> {
        let outcome = if self.missing.lock().contains(app.as_str()) {
            Err(fault(Code::NotFound, "No App matches the given query."))
        } else if self.foreign.lock().contains(app.as_str()) && user.as_str() != "owner" {
            Err(fault(Code::PermissionDenied, "You do not have permission to perform this action."))
        } else {
            Ok(())
        };
        std::future::ready(outcome).boxed()
    }

    fn environment(&self, _user: Username, _app: AppName) -> Call<'_, HashMap<String, SecretString>> {
        let environment = self.environment.lock().clone();
        std::future::ready(Ok(environment.into_iter().map(|(name, value)| (name, value.into())).collect())).boxed()
    }

    fn create_build(&self, build: NewBuild) -> Call<'_, BoxStream<'static, Result<DeployEvent, Error>>> {
        self.builds.send_modify(|builds| builds.push(build));
        let mut answers = self.answers.lock();
        let version = 2.try_into().unwrap();
        let created = DeployEvent::ReleaseCreated(version);
        let answer = if answers.is_empty() {
            Answer::Events(vec![
                created.clone(),
                DeployEvent::Step("web: 1 of 1 pods ready".to_owned()),
                DeployEvent::Deployed(version),
            ])
        } else {
            answers.remove(0)
        };
        let events = match answer {
            Answer::Events(events) => futures_util::stream::iter(events.into_iter().map(Ok)).boxed(),
            Answer::After(notice) => futures_util::stream::iter([Ok(created)])
                .chain(futures_util::stream::once(async move {
                    notice.notified().await;
                    Ok(DeployEvent::Deployed(version))
                }))
                .boxed(),
        };
        std::future::ready(Ok(events)).boxed()
    }

    fn record_failed_build(&self, build: FailedBuild) -> Call<'_, ()> {
        self.failed.lock().push(build);
        std::future::ready(Ok(())).boxed()
    }
}

pub(crate) struct FakeLocks {
    held: Arc<watch::Sender<HashMap<AppName, Username>>>,
    /// Apps whose lock a builder has left that died.
    left: watch::Sender<HashSet<AppName>>,
    /// Whether the state service is away.
    pub(crate) away: Mutex<bool>,
    tasks: Tasks,
}

impl FakeLocks {
    pub(crate) fn new(tasks: Tasks) -> Self {
        let (held, left) = (Arc::new(watch::channel(HashMap::new()).0), watch::channel(HashSet::new()).0);
        Self { held, left, away: Mutex::default(), tasks }
    }

    /// Waits until nobody holds this app's lock.
    pub(crate) async fn free(&self, app: &str) {
        self.held.subscribe().wait_for(|held| held.keys().all(|name| name.as_str() != app)).await.unwrap();
    }

    /// A builder dies in the middle of a push to this app.
    pub(crate) fn leave(&self, app: &str) {
        self.left.send_modify(|left| left.extend([app.parse::<AppName>().unwrap()]));
    }

    /// What it has left ends.
    pub(crate) fn expire(&self, app: &str) {
        self.left.send_modify(|left| left.retain(|name| name.as_str() != app));
    }

    /// Waits until nobody waits for a lock that was left.
    pub(crate) async fn nobody_waits(&self) {
        self.left.closed().await;
    }

    /// Waits until nobody holds a lock.
    pub(crate) async fn all_free(&self) {
        self.held.subscribe().wait_for(HashMap::is_empty).await.unwrap();
    }
}

impl FakeLocks {
    fn take(&self, app: AppName, user: Username) -> Result<Lock, Held> {
        let holder = self.held.borrow().get(&app).cloned();
        if let Some(holder) = holder {
            let since = Some("2016-02-20T23:07:35Z".parse().unwrap());
            return Err(Held { user: holder.to_string(), since });
        }
        self.held.send_modify(|held| drop(held.insert(app.clone(), user)));
        let (lock, holding) = Lock::new(CancellationToken::new());
        let held = Arc::clone(&self.held);
        drop(self.tasks.spawn("fake lock", async move {
            holding.released().cancelled().await;
            held.send_modify(|held| drop(held.remove(&app)));
        }));
        Ok(lock)
    }
}

impl Locks for FakeLocks {
    fn acquire(&self, app: AppName, user: Username) -> Call<'_, Attempt<'_>> {
        let attempt = if *self.away.lock() {
            Err(Error::StateUnreachable)
        } else if self.left.borrow().contains(&app) {
            let whose = user.to_string();
            let taken = async move {
                self.left.subscribe().wait_for(|left| !left.contains(&app)).await.unwrap();
                Ok(self.take(app, user))
            };
            Ok(Attempt::Left { user: whose, within: Duration::from_secs(30), taken: taken.boxed() })
        } else {
            Ok(self.take(app, user).map_or_else(Attempt::Held, Attempt::Acquired))
        };
        std::future::ready(attempt).boxed()
    }

    fn outlast(&self, app: AppName) -> Call<'_, Result<Lock, Held>> {
        async move {
            self.held.subscribe().wait_for(|held| !held.contains_key(&app)).await.unwrap();
            Ok(self.take(app, "destroyer".parse().unwrap()))
        }
        .boxed()
    }
}
