//! Persistent volumes: a folder of the node for each claim of the default class.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::DeleteParams;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::create;
use crate::folder::{Folder, VOLUMES_INSIDE};
use crate::pki::NODE_NAME;

const CLASS: &str = "standard";
const PROVISIONER: &str = "deis-node/folder";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const RETRY: Duration = Duration::from_secs(1);

struct Context {
    client: Client,
    folder: Folder,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the API server refused: {0}")]
    Kubernetes(#[from] kube::Error),
    #[error("the volume's folder: {0}")]
    Folder(#[from] io::Error),
    #[error("an object of our own making is wrong: {0}")]
    Object(#[from] serde_json::Error),
}

/// Makes the default StorageClass.
pub(super) async fn create_class(client: &Client) -> Result<(), kube::Error> {
    let class = json!({
        "metadata": { "name": CLASS, "annotations": { "storageclass.kubernetes.io/is-default-class": "true" } },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    });
    let class: StorageClass = serde_json::from_value(class).map_err(kube::Error::SerdeError)?;
    create(&Api::all(client.clone()), &class).await
}

/// Follows claims and volumes for ever.
pub(super) async fn run(client: Client, folder: Folder) {
    let context = Arc::new(Context { client: client.clone(), folder });
    let claims = Api::<PersistentVolumeClaim>::all(client.clone());
    let claims = Controller::new(claims, watcher::Config::default()).run(provide, retry, Arc::clone(&context));
    let volumes = Api::<PersistentVolume>::all(client);
    let volumes = Controller::new(volumes, watcher::Config::default()).run(reclaim, retry, context);
    tokio::join!(claims.for_each(async |_| ()), volumes.for_each(async |_| ()));
}

fn retry<K>(_: Arc<K>, error: &Error, _: Arc<Context>) -> Action {
    warn!(%error, "a volume");
    Action::requeue(RETRY)
}

/// A claim of our class without a volume gets one.
async fn provide(claim: Arc<PersistentVolumeClaim>, context: Arc<Context>) -> Result<Action, Error> {
    let Some(spec) = &claim.spec else { return Ok(Action::await_change()) };
    let (Some(CLASS), None, Some(uid)) = (spec.storage_class_name.as_deref(), &spec.volume_name, claim.uid()) else {
        return Ok(Action::await_change());
    };
    let name = format!("pvc-{uid}");
    let path = context.folder.volume(&name);
    fs::create_dir_all(&path)?;
    // Whatever user the pod runs as: a volume is reached only through its claim.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777))?;
    let volume: PersistentVolume = serde_json::from_value(volume(&name, &claim))?;
    create(&Api::all(context.client.clone()), &volume).await?;
    info!(name, claim = claim.name_any(), namespace = claim.namespace(), "made a volume");
    Ok(Action::await_change())
}

fn volume(name: &str, claim: &PersistentVolumeClaim) -> Value {
    let spec = claim.spec.as_ref();
    json!({
        "metadata": { "name": name, "annotations": { PROVISIONED_BY: PROVISIONER } },
        "spec": {
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "accessModes": spec.and_then(|spec| spec.access_modes.as_ref()),
            "capacity": spec.and_then(|spec| spec.resources.as_ref()).and_then(|it| it.requests.as_ref()),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(),
                "name": claim.name_any(),
                "uid": claim.uid(),
            },
            "local": { "path": format!("{VOLUMES_INSIDE}/{name}") },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{
                "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME] }],
            }] } },
        },
    })
}

/// A volume of ours whose claim is gone goes with its data, unless its policy says to keep it.
#[expect(clippy::disallowed_methods, reason = "the node's own object: deis-kube knows only the platform's")]
async fn reclaim(volume: Arc<PersistentVolume>, context: Arc<Context>) -> Result<Action, Error> {
    let ours = volume.annotations().get(PROVISIONED_BY).is_some_and(|by| by == PROVISIONER);
    let released = volume.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Released");
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    if !(ours && released && policy == Some("Delete")) {
        return Ok(Action::await_change());
    }
    let name = volume.name_any();
    match fs::remove_dir_all(context.folder.volume(&name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let volumes: Api<PersistentVolume> = Api::all(context.client.clone());
    match volumes.delete(&name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        deleted => drop(deleted?),
    }
    info!(name, "removed a volume");
    Ok(Action::await_change())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_made_for_one_claim_only() {
        let claim = json!({
            "metadata": { "name": "data-deis-etcd-0", "namespace": "deis", "uid": "1b4e28ba" },
            "spec": {
                "storageClassName": "standard",
                "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "1Gi" } },
            },
        });
        let claim: PersistentVolumeClaim = serde_json::from_value(claim).unwrap();
        let volume: PersistentVolume = serde_json::from_value(volume("pvc-1b4e28ba", &claim)).unwrap();
        insta::assert_json_snapshot!(volume);
    }
}
