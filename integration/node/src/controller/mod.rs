//! What a cloud would do for its cluster: volumes for claims, addresses for Services of type LoadBalancer.
//!
//! Both follow watches and decide from the whole picture each time, so a restart or a missed event loses nothing.

mod addresses;
mod loopback;
mod volumes;

use anyhow::Result;
use kube::Client;

use crate::folder::Folder;

/// Runs for ever; ends only with an error.
pub async fn run(client: Client, folder: Folder) -> Result<()> {
    volumes::create_class(&client).await?;
    tokio::join!(volumes::run(client.clone(), folder), addresses::run(client));
    Ok(())
}
