use kube::Client;

use super::Manifest;
use crate::cluster::KubeError;
use crate::doctor::Finding;

const AREA: &str = "apis";

/// The objects of a manifest whose kind this Kubernetes does not serve (any more). A version that it serves and would rather not is
/// told as well, and is no fault yet.
pub(crate) async fn unserved(client: &Client, whose: &str, manifest: &Manifest) -> Result<Vec<Finding>, KubeError> {
    let groups = client.list_api_groups().await?.groups;
    let mut findings = Vec::new();
    for (version, objects) in manifest.kinds() {
        let (group, _) = version.split_once('/').unwrap_or(("", version));
        let served = match group {
            "" => client.list_core_api_resources(version).await,
            _ => client.list_api_group_resources(version).await,
        };
        let kinds = match served {
            Ok(list) => list.resources.into_iter().map(|resource| resource.kind).collect(),
            Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let preferred =
            groups.iter().find(|known| known.name == group).and_then(|known| known.preferred_version.clone());
        let preferred = preferred.map(|it| it.group_version);
        findings.push(of(whose, version, &objects, &kinds, preferred.as_deref()));
    }
    Ok(findings)
}

fn of(whose: &str, version: &str, objects: &[(&str, &str)], served: &[String], preferred: Option<&str>) -> Finding {
    let subject = format!("{version} of {whose}");
    let lost = objects.iter().filter(|(kind, _)| !served.iter().any(|known| known == kind));
    let lost = lost.map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>();
    if !lost.is_empty() {
        let fix = "upgrade by way of a version whose chart has newer APIs, or before the cluster is upgraded";
        return Finding::fault(AREA, subject, format!("is not served by this Kubernetes: {}", lost.join(", ")), fix);
    }
    match preferred {
        Some(preferred) if preferred != version => {
            Finding::well(AREA, subject, format!("is served; this Kubernetes prefers {preferred}"))
        }
        _ => Finding::well(AREA, subject, "is served"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_is_gone_is_a_fault_and_an_old_one_is_told() {
        let served = ["Deployment".to_owned()];
        let of = |kind, preferred| of("the new chart", "apps/v1", &[(kind, "deis-router")], &served, Some(preferred));
        assert_eq!(of("Deployment", "apps/v1").says, "is served");
        assert_eq!(of("Deployment", "apps/v2").says, "is served; this Kubernetes prefers apps/v2");
        let gone = of("Ingress", "apps/v1");
        assert!(!gone.well && gone.says.ends_with("Ingress deis-router"), "{gone:?}");
    }
}
