//! Deleting objects.

use std::fmt::Debug;

use kube::Resource;
use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::apply::Seen;

/// Deletes an object as it was seen, together with what it owns. One that is gone already is fine. Answers the finalizers that keep it, if
/// some do.
///
/// The default of v1 controllers orphans their pods, and the app's Service would then serve them for ever: hence the propagation
/// policy, and hence this is the only place that deletes one.
///
/// # Errors
/// [`Error::Conflict`] when it is not the version that was seen, [`Error::Fenced`] when it carries a higher fence than `fence`.
pub async fn seen<K>(api: &Api<K>, seen: &Seen, fence: i64) -> Result<Vec<String>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let object = format!("{} {}", K::kind(&()), seen.name);
    seen.check(fence, &object)?;
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid: Some(seen.uid.clone()),
            resource_version: Some(seen.resource_version.clone()),
        }),
        ..DeleteParams::default()
    };
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let deleted = api.delete(&seen.name, &params).await;
    match deleted.map_err(|error| Error::of(&object, error)) {
        Ok(answer) => Ok(answer.left().map(finalizers).unwrap_or_default()),
        Err(Error::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Deletes the object of this name that has this uid; another one that has the name by now stays. One that is gone already is fine. Answers
/// the finalizers that keep it, if some do.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Refused`].
pub async fn uid<K>(api: &Api<K>, name: &str, uid: &str) -> Result<Vec<String>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams::background().preconditions(preconditions);
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let deleted = api.delete(name, &params).await;
    match deleted.map_err(|error| Error::of(&format!("{} {name}", K::kind(&())), error)) {
        // A conflict is another uid: the name was used again.
        Ok(answer) => Ok(answer.left().map(finalizers).unwrap_or_default()),
        Err(Error::NotFound { .. } | Error::Conflict { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn finalizers<K: Resource>(object: K) -> Vec<String> {
    object.meta().finalizers.clone().unwrap_or_default()
}

/// Deletes an object of ours that no fence guards, by name: a build pod belongs to the builder that made it. One that is gone
/// already is fine.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Refused`].
pub async fn named<K>(api: &Api<K>, name: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let deleted = api.delete(name, &DeleteParams::background()).await;
    match deleted.map_err(|error| Error::of(&format!("{} {name}", K::kind(&())), error)) {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
