//! Deleting objects.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::ReplicationController;
use kube::Resource;
use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};
use serde::de::DeserializeOwned;

use crate::Error;
use crate::apply::Seen;

/// Deletes a controller together with its pods. One that is gone already is fine.
///
/// The default of v1 controllers orphans the pods, and the app's Service would then serve them for ever: hence the propagation
/// policy, and hence this is the only place that deletes one.
///
/// # Errors
/// [`Error::Conflict`] when it is not the version that was seen, [`Error::Fenced`] when it carries a higher fence than `fence`.
pub async fn controller(api: &Api<ReplicationController>, seen: &Seen, fence: i64) -> Result<(), Error> {
    seen.check(fence, &format!("ReplicationController {}", seen.name))?;
    let preconditions =
        Preconditions { uid: Some(seen.uid.clone()), resource_version: Some(seen.resource_version.clone()) };
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(preconditions),
        ..DeleteParams::default()
    };
    delete(api, &seen.name, &params).await
}

/// Deletes an object by name. One that is gone already is fine.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Refused`].
pub async fn named<K>(api: &Api<K>, name: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    delete(api, name, &DeleteParams::default()).await
}

async fn delete<K>(api: &Api<K>, name: &str, params: &DeleteParams) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    let deleted = api.delete(name, params).await;
    match deleted.map_err(|error| Error::of(&format!("{} {name}", K::kind(&())), error)) {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
