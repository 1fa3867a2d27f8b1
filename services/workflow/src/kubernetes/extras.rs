//! What a process type has besides its pods, and can do without: a disruption budget, an autoscaler. Others have a say in them: admission
//! webhooks change what is written, and finalizers keep what is deleted. Neither is to be written for ever.

use std::collections::BTreeMap;
use std::time::Duration;

use deis_api::rest::Autoscale;
use deis_api::{AppName, Code, ProcType, ReleaseVersion};
use deis_kube::{apply, delete, events, objects};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Kubernetes;
use crate::deploy::world::{Autoscaler, Budget};
use crate::deploy::{Assignment, EffectError, Grant};

/// How long finalizers may keep an autoscaler that is to go: until then nothing else can be done to its app.
const PATIENCE: Duration = Duration::from_secs(30);

/// What Kubernetes has made of a description that it does not take as it is. To write the same once more would change nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    desired: Value,
    made: Value,
}

impl Made {
    /// What has become of a description; `None` when the object is as described.
    pub(super) fn of<K: Resource + Clone + Serialize>(object: &K, desired: &K) -> Option<Self> {
        let is_as_described = apply::is_as_described(object, desired);
        let made = (!is_as_described).then(|| reduced(object, desired)).flatten()?;
        Some(Self { desired: serde_json::to_value(desired).ok()?, made })
    }

    /// Whether the object is what became of this very description.
    pub(super) fn is<K: Resource + Clone + Serialize>(&self, object: &K, desired: &K) -> bool {
        serde_json::to_value(desired).is_ok_and(|desired| desired == self.desired)
            && reduced(object, desired).is_some_and(|made| made == self.made)
    }
}

/// What an object says of itself, and of its labels those that its description names: others are none of our concern.
fn reduced<K: Resource + Serialize>(object: &K, desired: &K) -> Option<Value> {
    let spec = serde_json::to_value(object).ok()?.get("spec").cloned();
    let labels =
        desired.labels().keys().map(|key| (key.clone(), json!(object.labels().get(key)))).collect::<Map<_, _>>();
    Some(json!({ "labels": labels, "spec": spec }))
}

/// What is remembered of an app's budgets and autoscalers, by their names.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) budgets: BTreeMap<String, Made>,
    /// With the release and the rule that it was to scale by.
    pub(super) autoscalers: BTreeMap<String, (ReleaseVersion, Autoscale, Made)>,
    /// Kind and name to what was told of it last.
    told: BTreeMap<String, String>,
}

impl Kubernetes {
    /// Makes a process type have its disruption budget, as far as Kubernetes lets it.
    pub(super) async fn give_budget(&self, grant: &Grant, proc_type: &ProcType) -> Result<(), EffectError> {
        let (app, desired) = (&grant.app, objects::budget(&grant.app, proc_type));
        let name = desired.name_any();
        let before = self.cache.read(app, |objects| objects.remembered.budgets.get(&name).cloned());
        let is_made = |current: &PodDisruptionBudget| before.is_some_and(|made| made.is(current, &desired));
        let done = apply::remake(&self.api(app), desired.clone(), is_made, grant.fence).await;
        let done = done.map_err(EffectError::from).and_then(|object| {
            let made = Made::of(&object, &desired);
            let refusal = made.as_ref().map(|_| changed(&object));
            self.cache.note(app, |objects| put(&mut objects.remembered.budgets, name, made));
            refusal.map_or(Ok(()), Err)
        });
        self.telling(app, &desired, done).await
    }

    /// Deletes a disruption budget.
    pub(super) async fn take_budget(&self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        let budgets = self.api::<PodDisruptionBudget>(&grant.app);
        let done = match delete::seen(&budgets, &budget.seen, grant.fence).await {
            Ok(keep) if keep.is_empty() => Ok(()),
            Ok(keep) => Err(EffectError::Refused(kept("PodDisruptionBudget", &budget.seen.name, &keep))),
            Err(error) => Err(error.into()),
        };
        self.telling(&grant.app, &objects::budget(&grant.app, &budget.proc_type), done).await
    }

    /// Makes the autoscaler of a process type be what it should be, as far as Kubernetes lets it.
    pub(super) async fn give_autoscaler(
        &self,
        grant: &Grant,
        assignment: &Assignment,
        proc_type: &ProcType,
    ) -> Result<(), EffectError> {
        let Some(rule) = assignment.autoscale.get(proc_type).copied() else { return Ok(()) };
        let (app, release) = (&grant.app, assignment.release);
        let desired = objects::autoscaler(app, release, proc_type, rule);
        let done = apply::ensure(&self.api::<HorizontalPodAutoscaler>(app), desired.clone(), grant.fence).await;
        let done = done.map_err(EffectError::from).and_then(|object| {
            let made = Made::of(&object, &desired);
            let refusal = made.as_ref().map(|_| changed(&object));
            let made = made.map(|made| (release, rule, made));
            self.cache.note(app, |objects| put(&mut objects.remembered.autoscalers, object.name_any(), made));
            refusal.map_or(Ok(()), Err)
        });
        self.telling(app, &desired, done).await
    }

    /// Deletes an autoscaler. As long as it is there it may set the number of pods, so nothing goes on without it; whoever keeps it for
    /// a moment is waited for.
    pub(super) async fn take_autoscaler(&self, grant: &Grant, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        let (app, name) = (&grant.app, &autoscaler.seen.name);
        let autoscalers = self.api::<HorizontalPodAutoscaler>(app);
        // By its identity alone: its status changes with every look that it takes.
        let keep = delete::uid(&autoscalers, name, &autoscaler.seen.uid).await?;
        if keep.is_empty() {
            return Ok(());
        }
        let why = kept("HorizontalPodAutoscaler", name, &keep);
        let since = self.cache.read(app, |objects| objects.autoscalers.get(name)?.metadata.deletion_timestamp.clone());
        let lasts = since.map(|since| Timestamp::now().duration_since(since.0).unsigned_abs());
        if lasts.is_none_or(|lasts| lasts < PATIENCE) {
            return Err(EffectError::Unavailable(format!("{why}.")));
        }
        tracing::warn!(%app, why, "an autoscaler cannot be taken away");
        self.event_once(app, format!("HorizontalPodAutoscaler {name}"), Code::PodRefused, &why).await;
        Err(EffectError::Refused(why))
    }

    /// Says in Kubernetes, once, what it has refused.
    async fn telling<K>(&self, app: &AppName, desired: &K, done: Result<(), EffectError>) -> Result<(), EffectError>
    where
        K: Resource<DynamicType = ()>,
    {
        let object = format!("{} {}", K::kind(&()), desired.name_any());
        match &done {
            Ok(()) => self.cache.note(app, |objects| drop(objects.remembered.told.remove(&object))),
            Err(EffectError::Refused(why)) => self.event_once(app, object, Code::PodRefused, why).await,
            Err(_) => {}
        }
        done
    }

    async fn event_once(&self, app: &AppName, object: String, code: Code, why: &str) {
        let before = self.cache.note(app, |objects| objects.remembered.told.insert(object, why.to_owned()));
        if before.is_none_or(|before| before != why) {
            self.event(app, code, &format!("{why}.")).await;
        }
    }

    /// A warning where `kubectl describe` shows it. Best effort.
    pub(super) async fn event(&self, app: &AppName, code: Code, message: &str) {
        let event = events::warning(app, code, message, Timestamp::now());
        if let Err(error) = events::record(&self.api::<Event>(app), &event).await {
            tracing::warn!(%app, %error, "a failure cannot be reported as an Event");
        }
    }
}

fn put<T>(all: &mut BTreeMap<String, T>, name: String, one: Option<T>) {
    match one {
        Some(one) => drop(all.insert(name, one)),
        None => drop(all.remove(&name)),
    }
}

fn changed<K: Resource<DynamicType = ()>>(object: &K) -> EffectError {
    EffectError::Refused(format!(
        "{} {} is otherwise than it was written, which an admission webhook may do, and stays as it is",
        K::kind(&()),
        object.name_any()
    ))
}

fn kept(kind: &str, name: &str, finalizers: &[String]) -> String {
    format!("{kind} {name} is being deleted, but its finalizers keep it: {}", finalizers.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use deis_kube::apply::Seen;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    use kube::client::Body;
    use parking_lot::Mutex;

    use super::*;
    use crate::kubernetes::{Cache, PullKey};

    /// An API server with room for one object, which is not stored as it was written.
    #[derive(Clone)]
    struct Server {
        stored: Arc<Mutex<Option<Value>>>,
        /// What was asked, by method; of Events what they say.
        asked: Arc<Mutex<Vec<String>>>,
        rewrite: fn(&mut Value),
    }

    impl Server {
        fn start(rewrite: fn(&mut Value)) -> (Self, Kubernetes, Cache) {
            let server = Self { stored: Arc::default(), asked: Arc::default(), rewrite };
            let answering = server.clone();
            let service = tower::service_fn(move |request: http::Request<Body>| {
                let server = answering.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = serde_json::from_slice(&body.collect_bytes().await?).unwrap_or_default();
                    let (status, answer) = server.answer(head.method.as_str(), head.uri.path(), body);
                    let response = http::Response::builder().status(status);
                    Ok::<_, kube::Error>(response.body(Body::from(answer.to_string().into_bytes())).unwrap())
                }
            });
            let cache = Cache::default();
            let client = kube::Client::new(service, "shop");
            (server, Kubernetes::new(client, cache.clone(), PullKey::from(b"key".to_vec())), cache)
        }

        fn answer(&self, method: &str, path: &str, mut body: Value) -> (u16, Value) {
            if path.ends_with("/events") {
                self.asked.lock().push(format!("{}: {}", body["reason"], body["message"]));
                return (201, body);
            }
            self.asked.lock().push(method.to_owned());
            let mut stored = self.stored.lock();
            match (method, &mut *stored) {
                ("GET" | "DELETE", None) => {
                    (404, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }))
                }
                ("DELETE", Some(object)) if object["metadata"]["finalizers"].is_array() => (200, object.clone()),
                ("DELETE", _) => {
                    *stored = None;
                    (200, json!({ "kind": "Status", "status": "Success" }))
                }
                ("GET", Some(object)) => (200, object.clone()),
                _ => {
                    (self.rewrite)(&mut body);
                    body["metadata"]["uid"] = json!("u");
                    body["metadata"]["resourceVersion"] = json!("1");
                    *stored = Some(body.clone());
                    (201, body)
                }
            }
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut *self.asked.lock())
        }
    }

    fn grant() -> Grant {
        Grant { app: "shop".parse().unwrap(), fence: 3 }
    }

    /// What the watches tell of the one object.
    fn look(server: &Server, kubernetes: &Kubernetes, cache: &Cache) -> crate::deploy::world::World {
        use crate::deploy::cluster::PodList as _;
        let stored = server.stored.lock().clone().unwrap();
        cache.note(&grant().app, |objects| match stored["kind"].as_str() {
            Some("PodDisruptionBudget") => {
                objects.budgets.insert("shop-web".to_owned(), serde_json::from_value(stored).unwrap());
            }
            _ => drop(objects.autoscalers.insert("shop-web".to_owned(), serde_json::from_value(stored).unwrap())),
        });
        kubernetes.world(&grant().app, &Default::default(), &BTreeSet::new())
    }

    #[tokio::test]
    async fn a_budget_that_a_webhook_rewrites_is_made_once_and_told_once() {
        let (server, kubernetes, cache) = Server::start(|body| {
            body["spec"]["maxUnavailable"] = json!(1);
        });
        let is_right = || look(&server, &kubernetes, &cache).budgets[0].is_right;
        let give = async || kubernetes.give_budget(&grant(), &ProcType::web()).await;
        let why = give().await.unwrap_err();
        assert!(matches!(why, EffectError::Refused(_)), "{why:?}");
        assert!(is_right(), "it is as right as it can be");
        // The watches lag, or another look comes first: nothing is written.
        assert!(give().await.is_err());
        insta::assert_yaml_snapshot!((why.to_string(), server.asked()));
        // What somebody has changed by hand is another matter.
        server.stored.lock().as_mut().unwrap()["spec"]["maxUnavailable"] = json!("100%");
        assert!(!is_right());
        assert!(give().await.is_err());
        assert_eq!(server.asked(), ["GET", "DELETE", "POST"]);
        assert!(is_right());
    }

    #[tokio::test]
    async fn a_budget_that_is_taken_as_it_is_written_is_remembered_no_more() {
        let (server, kubernetes, cache) = Server::start(|_| {});
        kubernetes.give_budget(&grant(), &ProcType::web()).await.unwrap();
        assert!(look(&server, &kubernetes, &cache).budgets[0].is_right);
        assert_eq!(server.asked(), ["GET", "POST"]);
        assert!(cache.read(&grant().app, |objects| objects.remembered.budgets.is_empty()));
    }

    #[tokio::test]
    async fn a_budget_that_finalizers_keep_is_let_go_of() {
        let (server, kubernetes, cache) = Server::start(|body| {
            body["metadata"]["finalizers"] = json!(["example.com/hold"]);
        });
        kubernetes.give_budget(&grant(), &ProcType::web()).await.unwrap();
        server.stored.lock().as_mut().unwrap()["spec"]["maxUnavailable"] = json!("100%");
        let why = kubernetes.give_budget(&grant(), &ProcType::web()).await.unwrap_err();
        assert!(matches!(why, EffectError::Refused(_)), "{why:?}");
        let budget = look(&server, &kubernetes, &cache).budgets.remove(0);
        assert!(!budget.is_right);
        server.stored.lock().as_mut().unwrap()["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(look(&server, &kubernetes, &cache).budgets[0].is_right, "nothing can take its place before it is gone");
        let unwanted = kubernetes.take_budget(&grant(), &budget).await.unwrap_err();
        assert!(matches!(unwanted, EffectError::Refused(_)), "{unwanted:?}");
        insta::assert_yaml_snapshot!((why.to_string(), unwanted.to_string(), server.asked()));
    }

    fn scaled(min: u32) -> Assignment {
        let rule = Autoscale { min, max: 4, cpu_percent: 75 };
        Assignment { autoscale: [(ProcType::web(), rule)].into(), ..Assignment::bare("shop") }
    }

    #[tokio::test]
    async fn an_autoscaler_that_a_webhook_rewrites_is_what_was_asked_for() {
        let (server, kubernetes, cache) = Server::start(|body| {
            body["spec"]["minReplicas"] = json!(2);
        });
        let scales = || look(&server, &kubernetes, &cache).autoscalers[0].scales;
        let give = async |min| kubernetes.give_autoscaler(&grant(), &scaled(min), &ProcType::web()).await;
        let why = give(1).await.unwrap_err();
        assert_eq!(scales().unwrap().1.min, 1);
        insta::assert_yaml_snapshot!((why.to_string(), server.asked()));
        give(2).await.unwrap();
        assert_eq!(scales().unwrap().1.min, 2);
        assert_eq!(server.asked(), ["GET"]);
    }

    #[tokio::test]
    async fn an_autoscaler_that_finalizers_keep_is_waited_for_and_then_told() {
        let (server, kubernetes, cache) = Server::start(|body| {
            body["metadata"]["finalizers"] = json!(["example.com/hold"]);
        });
        kubernetes.give_autoscaler(&grant(), &scaled(1), &ProcType::web()).await.unwrap();
        let mut told = Vec::new();
        for deleted in [None, Some(Timestamp::now()), Some(Timestamp::UNIX_EPOCH), Some(Timestamp::UNIX_EPOCH)] {
            server.stored.lock().as_mut().unwrap()["metadata"]["deletionTimestamp"] = json!(deleted);
            let autoscaler = look(&server, &kubernetes, &cache).autoscalers.remove(0);
            let kept = kubernetes.take_autoscaler(&grant(), &autoscaler).await.unwrap_err();
            told.push(format!("{kept:?}"));
        }
        insta::assert_yaml_snapshot!((told, server.asked()));
        server.stored.lock().as_mut().unwrap()["metadata"]["finalizers"] = Value::Null;
        let seen =
            Seen { name: "shop-web".to_owned(), uid: "u".to_owned(), resource_version: "1".to_owned(), fence: 3 };
        let autoscaler = Autoscaler { seen, proc_type: ProcType::web(), scales: None };
        kubernetes.take_autoscaler(&grant(), &autoscaler).await.unwrap();
    }

    #[test]
    fn labels_that_the_description_does_not_name_are_no_concern() {
        let desired = objects::budget(&"shop".parse().unwrap(), &ProcType::web());
        let mut object = desired.clone();
        object.spec.as_mut().unwrap().max_unavailable = Some(IntOrString::Int(1));
        let made = Made::of(&object, &desired).unwrap();
        object.labels_mut().insert("team".to_owned(), "x".to_owned());
        assert!(made.is(&object, &desired));
        object.labels_mut().remove("heritage");
        assert!(!made.is(&object, &desired));
        assert!(!made.is(&desired, &desired));
    }
}
