use std::collections::{BTreeMap, BTreeSet};

use deis_api::{AppName, Hostname};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::labels;

/// The name of the port that a served process listens on; pods of two releases may give it different numbers.
pub(super) const PORT_NAME: &str = "http";

/// An app's Service. Its selector is the same for life and never names a release, so pods of two releases and canaries are
/// served side by side. The routers serve it under these domains.
#[must_use]
pub fn service(app: &AppName, domains: &BTreeSet<Hostname>) -> Service {
    let mut selector = labels::of_app(app);
    selector.insert(labels::BACKEND.to_owned(), "true".to_owned());
    let mut all = labels::of_app(app);
    all.insert(labels::ROUTABLE.to_owned(), "true".to_owned());
    let domains = domains.iter().map(Hostname::as_str).collect::<Vec<_>>().join(",");
    let annotations = BTreeMap::from([(labels::DOMAINS.to_owned(), domains)]);
    let port = ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port: 80,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            name: Some(app.to_string()),
            namespace: Some(app.to_string()),
            labels: Some(all),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec { selector: Some(selector), ports: Some(vec![port]), ..ServiceSpec::default() }),
        ..Service::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn serves_every_release() {
        let domains = ["peachy-waxworks", "example.com"].map(|domain| domain.parse().unwrap());
        insta::assert_yaml_snapshot!(super::service(&"peachy-waxworks".parse().unwrap(), &domains.into()));
    }
}
