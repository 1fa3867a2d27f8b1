//! The kinds of objects that are looked at, and Secrets without their values.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, LimitRange, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt as _;
use kube::core::ApiResource;
use serde::Serialize;

/// All kinds that the platform consists of, and those that may hinder it. Secrets are not among them.
pub(super) fn kinds() -> Vec<ApiResource> {
    vec![
        ApiResource::erase::<Deployment>(&()),
        ApiResource::erase::<StatefulSet>(&()),
        ApiResource::erase::<DaemonSet>(&()),
        ApiResource::erase::<ReplicaSet>(&()),
        ApiResource::erase::<ControllerRevision>(&()),
        ApiResource::erase::<Job>(&()),
        ApiResource::erase::<CronJob>(&()),
        ApiResource::erase::<Pod>(&()),
        ApiResource::erase::<Service>(&()),
        ApiResource::erase::<EndpointSlice>(&()),
        ApiResource::erase::<Ingress>(&()),
        ApiResource::erase::<NetworkPolicy>(&()),
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::erase::<PersistentVolumeClaim>(&()),
        ApiResource::erase::<PodDisruptionBudget>(&()),
        ApiResource::erase::<ServiceAccount>(&()),
        ApiResource::erase::<Role>(&()),
        ApiResource::erase::<RoleBinding>(&()),
        ApiResource::erase::<Lease>(&()),
        ApiResource::erase::<LimitRange>(&()),
        ApiResource::erase::<ResourceQuota>(&()),
        ApiResource::erase::<Event>(&()),
    ]
}

/// A Secret as it may be shown: each key with the length of its value.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Sealed {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Bytes by key.
    keys: BTreeMap<String, usize>,
}

impl Sealed {
    pub(super) fn of(secret: &Secret) -> Self {
        let data = secret.data.iter().flatten();
        Self {
            name: secret.name_any(),
            kind: secret.type_.clone(),
            keys: data.map(|(key, value)| (key.clone(), value.0.len())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn of_a_secret_its_keys_are_told() {
        let secret = from_value(json!({
            "metadata": { "name": "deis-admin", "annotations": { "x": "hunter22" } }, "type": "Opaque",
            "data": { "password": "aHVudGVyMjI=" },
        }))
        .unwrap();
        let sealed = Sealed::of(&secret);
        assert_eq!(sealed.keys, BTreeMap::from([("password".to_owned(), 8)]));
        assert!(!serde_json::to_string(&sealed).unwrap().contains("hunter22"));
    }

    #[test]
    fn secrets_are_no_kind_to_be_listed() {
        assert!(kinds().iter().all(|kind| kind.kind != "Secret"));
    }
}
