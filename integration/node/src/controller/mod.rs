//! What a cloud would do for its cluster: volumes for claims, addresses for Services of type LoadBalancer, and the API by which
//! autoscalers learn what pods use.
//!
//! The first two follow watches and decide from the whole picture each time, so a restart or a missed event loses nothing.

mod addresses;
mod loopback;
mod metrics;
mod volumes;

use std::fmt::Debug;
use std::fs;

use anyhow::Result;
use kube::api::PostParams;
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::Folder;

/// Runs for ever; ends only with an error.
pub async fn run(client: Client, folder: Folder) -> Result<()> {
    volumes::create_class(&client).await?;
    metrics::register(&client, &fs::read_to_string(folder.etc().join("pki/ca.crt"))?).await?;
    tokio::join!(volumes::run(client.clone(), folder), addresses::run(client));
    Ok(())
}

/// Creates an object, or finds that it is there.
#[expect(clippy::disallowed_methods, reason = "the node's own object: deis-kube knows only the platform's")]
async fn create<K>(api: &Api<K>, object: &K) -> Result<(), kube::Error>
where
    K: Clone + DeserializeOwned + Serialize + Debug,
{
    match api.create(&PostParams::default(), object).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        created => created.map(drop),
    }
}
