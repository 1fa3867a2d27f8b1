//! Writing objects, always under a fence and on top of a known version.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Pod, ReplicationController, Service};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::objects::Drain;
use crate::{Error, delete, labels};

/// The name under which our fields are kept by server-side apply.
const MANAGER: &str = "deis-workflow";

/// An object as it was seen: what a write builds upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Tells it from an earlier object of the same name.
    pub uid: String,
    /// Its version; a write on top of another version is refused.
    pub resource_version: String,
    /// The fence it was last written under; 0 when it carries none.
    pub fence: i64,
}

impl Seen {
    /// Remembers an object.
    #[must_use]
    pub fn of<K: Resource>(object: &K) -> Self {
        Self {
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            resource_version: object.resource_version().unwrap_or_default(),
            fence: labels::fence(object.meta()),
        }
    }

    pub(crate) fn check(&self, fence: i64, object: &str) -> Result<(), Error> {
        if self.fence > fence { Err(Error::Fenced { object: object.to_owned() }) } else { Ok(()) }
    }
}

/// Makes an object be as described, and leaves fields that others own alone. Writes nothing when it is so already.
///
/// # Errors
/// [`Error::Fenced`] when the object carries a higher fence than `fence`, [`Error::Conflict`] when it changed between the
/// look and the write.
pub async fn ensure<K>(api: &Api<K>, mut desired: K, fence: i64) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + Debug,
{
    let name = desired.name_any();
    let object = format!("{} {name}", K::kind(&()));
    stamp(&mut desired, fence);
    let Some(current) = api.get_opt(&name).await.map_err(|error| Error::of(&object, error))? else {
        return create_stamped(api, &desired, &object).await;
    };
    Seen::of(&current).check(fence, &object)?;
    if is_as_described(&current, &desired) {
        return Ok(current);
    }
    desired.meta_mut().resource_version = current.resource_version();
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let written = api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&desired)).await;
    written.map_err(|error| Error::of(&object, error))
}

/// Makes an object be as described: one that is otherwise goes, and another one is made in its place. For objects whose fields exclude
/// each other, where what somebody has added by hand would keep ours from being accepted. Writes nothing when it is so already, or is what
/// was made of this description before. Answers what there is.
///
/// # Errors
/// [`Error::Fenced`] when the object carries a higher fence than `fence`, [`Error::Conflict`] when it changed between the
/// look and the write, [`Error::Refused`] when finalizers keep it.
pub async fn remake<K>(api: &Api<K>, desired: K, is_made: impl FnOnce(&K) -> bool, fence: i64) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + Debug,
{
    let name = desired.name_any();
    let object = format!("{} {name}", K::kind(&()));
    if let Some(current) = api.get_opt(&name).await.map_err(|error| Error::of(&object, error))? {
        if is_as_described(&current, &desired) || is_made(&current) {
            return Ok(current);
        }
        let keep = delete::seen(api, &Seen::of(&current), fence).await?;
        if !keep.is_empty() {
            let message = format!("another one is being deleted, but its finalizers keep it: {}", keep.join(", "));
            return Err(Error::Refused { object, message });
        }
    }
    create(api, desired, fence).await
}

/// Creates an object that must not exist yet.
///
/// # Errors
/// [`Error::Conflict`] when it exists.
pub async fn create<K>(api: &Api<K>, mut desired: K, fence: i64) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + Debug,
{
    let object = format!("{} {}", K::kind(&()), desired.name_any());
    stamp(&mut desired, fence);
    create_stamped(api, &desired, &object).await
}

/// Sets the number of replicas of the controller as it was seen.
///
/// # Errors
/// [`Error::Conflict`] when it is not the version that was seen, [`Error::Fenced`] when it carries a higher fence.
pub async fn scale(
    api: &Api<ReplicationController>,
    seen: &Seen,
    replicas: i32,
    fence: i64,
) -> Result<ReplicationController, Error> {
    let object = format!("ReplicationController {}", seen.name);
    seen.check(fence, &object)?;
    let patch = json!({
        "metadata": {
            "uid": seen.uid,
            "resourceVersion": seen.resource_version,
            "annotations": { labels::FENCE: fence.to_string() },
        },
        "spec": { "replicas": replicas },
    });
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let written = api.patch(&seen.name, &PatchParams::default(), &Patch::Merge(patch)).await;
    written.map_err(|error| Error::of(&object, error))
}

/// Says on the Service as it was seen which pods are about to leave.
///
/// # Errors
/// [`Error::Conflict`] when it is not the version that was seen, [`Error::Fenced`] when it carries a higher fence.
pub async fn drain(api: &Api<Service>, seen: &Seen, drain: &Drain, fence: i64) -> Result<(), Error> {
    let object = format!("Service {}", seen.name);
    seen.check(fence, &object)?;
    let patch = json!({
        "metadata": {
            "uid": seen.uid,
            "resourceVersion": seen.resource_version,
            "annotations": { labels::DRAIN: drain.to_string(), labels::FENCE: fence.to_string() },
        },
    });
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let written = api.patch_metadata(&seen.name, &PatchParams::default(), &Patch::Merge(patch)).await;
    written.map(drop).map_err(|error| Error::of(&object, error))
}

/// Marks a pod as the next that its controller is to delete. A pod that is gone already is fine.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Refused`].
pub async fn mark_for_deletion(api: &Api<Pod>, name: &str, uid: &str, fence: i64) -> Result<(), Error> {
    let patch = json!({
        "metadata": {
            "uid": uid,
            "annotations": { labels::DELETION_COST: "-1000", labels::FENCE: fence.to_string() },
        },
    });
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let written = api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(patch)).await;
    match written.map_err(|error| Error::of(&format!("Pod {name}"), error)) {
        // A conflict is another uid: the name was used again.
        Ok(_) | Err(Error::NotFound { .. } | Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn stamp<K: Resource>(object: &mut K, fence: i64) {
    object.annotations_mut().insert(labels::FENCE.to_owned(), fence.to_string());
}

/// Whether the object has everything that the description names, but for the fence: [`ensure`] would not write.
#[must_use]
pub fn is_as_described<K: Resource + Clone + Serialize>(current: &K, desired: &K) -> bool {
    let mut desired = desired.clone();
    desired.annotations_mut().remove(labels::FENCE);
    match (serde_json::to_value(current), serde_json::to_value(desired)) {
        (Ok(current), Ok(desired)) => contains(&current, &desired),
        _ => false,
    }
}

fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}

async fn create_stamped<K>(api: &Api<K>, desired: &K, object: &str) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + Debug,
{
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let created = api.create(&params, desired).await;
    created.map_err(|error| Error::of(object, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects;

    #[test]
    fn what_others_added_does_not_matter_and_what_they_changed_does() {
        let app = "peachy-waxworks".parse().unwrap();
        let desired = objects::service(
            &app,
            &objects::Routing { domains: [(&app).into()].into(), ..objects::Routing::default() },
        );
        let mut current = desired.clone();
        current.annotations_mut().insert(labels::FENCE.to_owned(), "7".to_owned());
        current.annotations_mut().insert(labels::DRAIN.to_owned(), Drain::default().to_string());
        current.spec.as_mut().unwrap().cluster_ip = Some("10.0.0.1".to_owned());
        assert!(is_as_described(&current, &desired));
        current.spec.as_mut().unwrap().selector.as_mut().unwrap().clear();
        assert!(!is_as_described(&current, &desired));
    }

    #[tokio::test]
    async fn a_drain_is_written_on_top_of_what_was_seen() {
        let (requests, mut received) = tokio::sync::mpsc::channel(1);
        let answer = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let requests = requests.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = serde_json::from_slice::<Value>(&body.collect_bytes().await?).unwrap();
                requests.send((format!("{} {}", head.method, head.uri.path()), body)).await.unwrap();
                let service = json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": { "name": "a" } });
                let response = http::Response::new(kube::client::Body::from(service.to_string().into_bytes()));
                Ok::<_, kube::Error>(response)
            }
        });
        let services = Api::<Service>::namespaced(kube::Client::new(answer, "a"), "a");
        let seen = Seen { name: "a".to_owned(), uid: "u".to_owned(), resource_version: "9".to_owned(), fence: 3 };
        let drained = Drain { epoch: 7, leaving: ["p".to_owned()].into() };
        drain(&services, &seen, &drained, 3).await.unwrap();
        let (request, body) = received.recv().await.unwrap();
        assert_eq!(request, "PATCH /api/v1/namespaces/a/services/a");
        let annotations = json!({ labels::DRAIN: drained.to_string(), labels::FENCE: "3" });
        let metadata = json!({ "uid": "u", "resourceVersion": "9", "annotations": annotations });
        assert_eq!(body, json!({ "metadata": metadata }));
        assert!(matches!(drain(&services, &seen, &drained, 2).await, Err(Error::Fenced { .. })));
        assert!(received.try_recv().is_err(), "nothing is written under a lower fence");
    }

    /// Every request with its answer: the object that is there, or none.
    async fn remade(current: Option<Value>, fence: i64) -> (Vec<String>, Result<(), Error>) {
        let (log, mut requests) = tokio::sync::mpsc::channel(8);
        let answer = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let method = request.method().to_string();
            let (status, body) = match (method.as_str(), &current) {
                ("GET", None) => {
                    (404, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }))
                }
                ("POST", _) => (201, json!(objects::budget(&"a".parse().unwrap(), &"web".parse().unwrap()))),
                (_, current) => (200, current.clone().unwrap_or_default()),
            };
            log.try_send(method).unwrap();
            let response = http::Response::builder().status(status);
            let response = response.body(kube::client::Body::from(body.to_string().into_bytes())).unwrap();
            async move { Ok::<_, kube::Error>(response) }
        });
        let budgets = Api::namespaced(kube::Client::new(answer, "a"), "a");
        let desired = objects::budget(&"a".parse().unwrap(), &"web".parse().unwrap());
        let done = remake(&budgets, desired, |_| false, fence).await.map(drop);
        let requests = std::iter::from_fn(|| requests.try_recv().ok()).collect();
        (requests, done)
    }

    #[tokio::test]
    async fn what_somebody_has_changed_is_made_anew() {
        let mut current = objects::budget(&"a".parse().unwrap(), &"web".parse().unwrap());
        stamp(&mut current, 3);
        let (requests, done) = remade(None, 3).await;
        assert!(done.is_ok() && requests == ["GET", "POST"], "{requests:?}");
        let (requests, done) = remade(Some(json!(current)), 3).await;
        assert!(done.is_ok() && requests == ["GET"], "{requests:?}");
        current.spec.as_mut().unwrap().max_unavailable = None;
        let (requests, done) = remade(Some(json!(current)), 3).await;
        assert!(done.is_ok() && requests == ["GET", "DELETE", "POST"], "{requests:?}");
        let (requests, done) = remade(Some(json!(current)), 2).await;
        assert!(matches!(done, Err(Error::Fenced { .. })) && requests == ["GET"], "{requests:?}");
    }

    #[test]
    fn a_higher_fence_is_noticed() {
        let mut object = objects::namespace(&"peachy-waxworks".parse().unwrap(), false);
        stamp(&mut object, 7);
        assert!(Seen::of(&object).check(7, "Namespace").is_ok());
        assert!(matches!(Seen::of(&object).check(6, "Namespace"), Err(Error::Fenced { .. })));
    }
}
