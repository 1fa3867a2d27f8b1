//! What Kubernetes has of an app.

use std::collections::BTreeSet;

use deis_integration::agreement::{Cluster, Controller, Pod, Service};
use k8s_openapi::api::core::v1::{Namespace, Pod as KubePod, ReplicationController, Service as KubeService};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use super::app::ready_pods;
use super::is_ready;
use super::witness::Said;

pub(super) async fn cluster(client: &Client, app: &str) -> Said<Cluster> {
    let namespace = Api::<Namespace>::all(client.clone()).get_opt(app).await?;
    if namespace.is_none() {
        return Ok(Cluster::default());
    }
    let all = ListParams::default();
    let controllers = Api::<ReplicationController>::namespaced(client.clone(), app).list(&all).await?;
    let pods = Api::<KubePod>::namespaced(client.clone(), app).list(&all).await?;
    let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    Ok(Cluster {
        namespace: true,
        service: service(client, app).await?,
        controllers: controllers.iter().map(|object| (object.name_any(), controller(object))).collect(),
        pods: staying.map(|object| (object.name_any(), pod(object))).collect(),
    })
}

async fn service(client: &Client, app: &str) -> Said<Option<Service>> {
    let service = Api::<KubeService>::namespaced(client.clone(), app).get_opt(app).await?;
    let Some(service) = service else { return Ok(None) };
    let slices = Api::<EndpointSlice>::namespaced(client.clone(), app);
    let slices = slices.list(&ListParams::default()).await?;
    let domains = service.annotations().get("router.deis.io/domains").map(String::as_str).unwrap_or_default();
    let words = domains.split(',').map(str::trim).filter(|domain| !domain.is_empty());
    Ok(Some(Service {
        domains: words.map(ToOwned::to_owned).collect(),
        backends: slices.iter().flat_map(ready_pods).collect::<BTreeSet<_>>(),
    }))
}

fn controller(object: &ReplicationController) -> Controller {
    let spec = object.spec.as_ref();
    let replicas = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let containers = spec.and_then(|spec| Some(&spec.template.as_ref()?.spec.as_ref()?.containers));
    let image = containers.and_then(|containers| containers.first()?.image.clone());
    Controller { replicas: replicas.unsigned_abs(), image: image.unwrap_or_default() }
}

fn pod(object: &KubePod) -> Pod {
    let owner = object.owner_references().iter().find(|owner| owner.controller == Some(true));
    let label = |key: &str| object.labels().get(key).cloned().unwrap_or_default();
    Pod {
        controller: owner.map(|owner| owner.name.clone()),
        proc_type: label("type"),
        ready: is_ready(object),
        canary: label("version") == "canary",
    }
}
