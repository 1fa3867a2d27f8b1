use deis_api::rest::Autoscale;
use deis_api::{AppName, ProcType, ReleaseVersion};
use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::{labels, names};

/// What sets the replicas of one process type's controller between `min` and `max`, so that its pods use `cpu_percent` of the processor
/// time that they ask for. Its name says no release: there is never more than one for a process type.
#[must_use]
pub fn autoscaler(
    app: &AppName,
    version: ReleaseVersion,
    proc_type: &ProcType,
    rule: Autoscale,
) -> HorizontalPodAutoscaler {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    HorizontalPodAutoscaler {
        metadata: ObjectMeta {
            name: Some(names::of_type(app, proc_type)),
            namespace: Some(app.to_string()),
            labels: Some(labels::of_process(app, version, proc_type)),
            ..ObjectMeta::default()
        },
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: Some(number(rule.min)),
            max_replicas: number(rule.max),
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("v1".to_owned()),
                kind: "ReplicationController".to_owned(),
                name: names::controller(app, version, proc_type),
            },
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(ResourceMetricSource {
                    name: "cpu".to_owned(),
                    target: MetricTarget {
                        type_: "Utilization".to_owned(),
                        average_utilization: Some(number(rule.cpu_percent)),
                        ..MetricTarget::default()
                    },
                }),
                ..MetricSpec::default()
            }]),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        ..HorizontalPodAutoscaler::default()
    }
}

/// The rule that an autoscaler goes by, if it is of our form.
#[must_use]
pub fn autoscale_rule(autoscaler: &HorizontalPodAutoscaler) -> Option<Autoscale> {
    let spec = autoscaler.spec.as_ref()?;
    let [metric] = spec.metrics.as_deref()? else { return None };
    let cpu_percent = metric.resource.as_ref()?.target.average_utilization?;
    let number = |number: i32| u32::try_from(number).ok();
    Some(Autoscale {
        min: number(spec.min_replicas?)?,
        max: number(spec.max_replicas)?,
        cpu_percent: number(cpu_percent)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_processor_time_of_one_controller() {
        let rule = Autoscale { min: 2, max: 8, cpu_percent: 75 };
        let version = "v3".parse().unwrap();
        let mut built = autoscaler(&"shop".parse().unwrap(), version, &"web".parse().unwrap(), rule);
        insta::assert_yaml_snapshot!(built);
        assert_eq!(autoscale_rule(&built), Some(rule));
        built.spec.as_mut().unwrap().metrics = None;
        assert_eq!(autoscale_rule(&built), None);
    }
}
