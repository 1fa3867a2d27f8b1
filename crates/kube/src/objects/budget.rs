use deis_api::{AppName, ProcType};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::{labels, names};

/// How many of a process type's pods may be away at once. Kubernetes rounds up: of up to four pods it is one, and a type with a single
/// pod has nothing to spare but lets a node be drained all the same.
const SPARE: &str = "25%";

/// What a node that is drained may take of a process type's pods at once. It counts those of all releases, so that it holds while one
/// takes the place of another, and it says no number, so that it holds however many there are.
///
/// A pod that is not ready is no loss: it never keeps a node from being drained.
#[must_use]
pub fn budget(app: &AppName, proc_type: &ProcType) -> PodDisruptionBudget {
    let labels = labels::of_type(app, proc_type);
    let selector = LabelSelector { match_labels: Some(labels.clone()), ..LabelSelector::default() };
    PodDisruptionBudget {
        metadata: ObjectMeta {
            name: Some(names::of_type(app, proc_type)),
            namespace: Some(app.to_string()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::String(SPARE.to_owned())),
            selector: Some(selector),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_the_pods_of_all_releases() {
        insta::assert_yaml_snapshot!(super::budget(&"shop".parse().unwrap(), &"worker".parse().unwrap()));
    }
}
