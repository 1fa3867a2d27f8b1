//! The way to the service state.

use kube::Client;
use tonic::transport::Channel;

use crate::components::{GRPC_PORT, find};
use crate::forward::{ForwardError, Forwarder};
use crate::inventory::{InventoryError, look};

/// A channel to a ready pod of state; those of other components need not be up. `no_pod` is the error when none is.
pub(crate) async fn channel<E>(client: &Client, namespace: &str, no_pod: fn() -> E) -> Result<Channel, E>
where
    E: From<InventoryError> + From<ForwardError>,
{
    let state = find("state").ok_or_else(no_pod)?;
    let standing = look(client, namespace, state).await?;
    let pod = standing.ready_pod().ok_or_else(no_pod)?;
    Ok(Forwarder::load(client.clone(), namespace).await?.channel(&pod.name, state.name, GRPC_PORT)?)
}
