use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::runtime::wait::{Error, await_condition};
use kube::{Api, Client};

use super::stage::{Rolls, Stage, stage};
use crate::components::{Component, Workload};

/// Waits until a component is as its workload says, and tells nobody meanwhile. Whoever waits sets the limit.
pub(crate) async fn settled(client: &Client, namespace: &str, component: &Component) -> Result<(), Error> {
    match component.workload {
        Workload::Deployment => wait::<Deployment>(client, namespace, component).await,
        Workload::StatefulSet => wait::<StatefulSet>(client, namespace, component).await,
        Workload::DaemonSet => wait::<DaemonSet>(client, namespace, component).await,
    }
}

async fn wait<K: Rolls>(client: &Client, namespace: &str, component: &Component) -> Result<(), Error> {
    let workloads: Api<K> = Api::namespaced(client.clone(), namespace);
    // Its old pods may take their time to end.
    let is_settled = |found: Option<&K>| found.is_some_and(|found| stage(&found.figures(), &[]) == Stage::Done);
    await_condition(workloads, &component.object_name(), is_settled).await.map(drop)
}
