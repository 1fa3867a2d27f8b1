use std::error::Error;

use deis_api::Hostname;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};

use super::Finding;
use crate::cluster::KubeError;
use crate::init::{self, KubeStore, Outcome, PlanError, Settings, StoreError};

pub(super) const AREA: &str = "secrets";
/// Where the platform's domain is told.
const ROUTER: &str = "deis-router";
const DOMAIN: &str = "DEIS_DOMAIN";

/// A certificate is renewed by the chart's weekly Job; what should have been renewed that long ago was not.
const RENEWAL: SignedDuration = SignedDuration::from_hours(8 * 24);

/// What `deisctl init` should have done with each Secret.
pub(super) async fn look(client: &Client, namespace: &str, now: Timestamp) -> Result<Vec<Finding>, KubeError> {
    let router = Api::<Deployment>::namespaced(client.clone(), namespace).get_opt(ROUTER).await?;
    let Some(domain) = router.as_ref().and_then(domain) else {
        return Ok(vec![Finding::fault(
            AREA,
            "all",
            "the router does not say what the platform's domain is",
            "deisctl install",
        )]);
    };
    let settings = Settings { namespace: namespace.to_owned(), domain };
    let store = KubeStore::new(client.clone(), namespace);
    match init::examine(&store, &settings, now - RENEWAL).await {
        Ok(secrets) => Ok(secrets.into_iter().map(|(name, outcome)| of(&settings, name, outcome)).collect()),
        Err(StoreError::Read(_, error) | StoreError::Write(_, error)) => Err(error),
    }
}

/// The platform's domain, as its router knows it.
pub(crate) fn domain(router: &Deployment) -> Option<Hostname> {
    let pod = router.spec.as_ref()?.template.spec.as_ref()?;
    let mut variables = pod.containers.iter().flat_map(|container| container.env.iter().flatten());
    variables.find(|variable| variable.name == DOMAIN)?.value.as_ref()?.parse().ok()
}

fn of(settings: &Settings, name: &str, outcome: Result<Outcome, PlanError>) -> Finding {
    match outcome {
        Ok(Outcome::Kept) => Finding::well(AREA, name, "is as it should be"),
        Ok(Outcome::Renewed) => {
            let fix = init::command(settings);
            Finding::fault(AREA, name, "is a certificate that should have been renewed, or has other names", fix)
        }
        Ok(Outcome::Created) => Finding::fault(AREA, name, "is missing", init::of_missing(name, settings)),
        Err(error) => {
            let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            Finding::fault(AREA, name, format!("cannot be used: {error}{why}"), error.remedy(settings))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn the_router_knows_the_domain() {
        let env = json!([{ "name": "X", "value": "y" }, { "name": "DEIS_DOMAIN", "value": "apps.example.com" }]);
        let containers = json!([{ "name": "router", "env": env }]);
        let router = json!({ "spec": { "selector": {}, "template": { "spec": { "containers": containers } } } });
        assert_eq!(domain(&from_value(router).unwrap()).unwrap().as_str(), "apps.example.com");
        assert_eq!(domain(&Deployment::default()), None);
    }

    #[test]
    fn what_init_would_do_is_a_fault_now() {
        let settings = Settings { namespace: "deis".to_owned(), domain: "apps.example.com".parse().unwrap() };
        let of = |name: &str, outcome| of(&settings, name, outcome);
        assert!(of("deis-ca", Ok(Outcome::Kept)).well);
        assert_eq!(of("deis-admin", Ok(Outcome::Created)).says, "is missing");
        assert!(!of("deis-state-tls", Ok(Outcome::Renewed)).well);
        let empty = PlanError::Incomplete { secret: "deis-pull-key", key: "key" };
        assert!(
            of("deis-pull-key", Err(empty)).says.starts_with("cannot be used: Secret deis-pull-key has no key key")
        );
        let damaged = PlanError::Incomplete { secret: "deis-state-tls", key: "tls.key" };
        assert_eq!(
            of("deis-state-tls", Err(damaged)).fix.unwrap(),
            "have it made anew: kubectl -n deis delete secret deis-state-tls && deisctl init --domain=apps.example.com \
             --namespace=deis"
        );
        // A backup has none of it: its volume does.
        let lost = PlanError::Incomplete { secret: "deis-database-creds", key: "password" };
        let fix = of("deis-database-creds", Err(lost)).fix.unwrap();
        assert!(fix.starts_with("put it back as it was: ") && !fix.contains("restore"), "{fix}");
    }
}
