use std::collections::{BTreeMap, BTreeSet};

use deis_api::{AppName, CertificateDigest, Hostname, ProcType};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::{Deserialize, Serialize};

use crate::{labels, names};

/// The name of the port that a served process listens on; pods of two releases may give it different numbers.
pub(super) const PORT_NAME: &str = "http";

/// What the routers are told of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// The names that it is served under.
    pub domains: BTreeSet<Hostname>,
    /// Those of them that have a certificate of their own; the others are served with the platform's.
    pub certificates: BTreeMap<Hostname, CertificateDigest>,
    /// Whether it is, for whom, and how.
    pub rules: Rules,
}

/// What users say about how the routers are to serve an app. What nobody has said anything about is left as it stands on the Service:
/// an operator may have.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Rules {
    /// Whether it is served at all.
    pub routable: bool,
    /// Whether everybody is told that it is being worked on (503).
    pub maintenance: Option<bool>,
    /// The addresses and networks that may call, as they were written; empty for all.
    pub whitelist: Option<BTreeSet<String>>,
    /// Whether plain requests are sent to https.
    pub https_enforced: Option<bool>,
    /// Process types beside the served one with the paths that are theirs, each a [`PathPattern`](crate::paths::PathPattern).
    pub services: BTreeMap<ProcType, String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { routable: true, maintenance: None, whitelist: None, https_enforced: None, services: BTreeMap::new() }
    }
}

impl Rules {
    fn annotations(&self) -> impl Iterator<Item = (String, String)> {
        let whitelist = self.whitelist.as_ref();
        let whitelist = whitelist.map(|addresses| addresses.iter().map(String::as_str).collect::<Vec<_>>().join(","));
        let all = [
            (labels::MAINTENANCE, self.maintenance.map(|on| on.to_string())),
            (labels::WHITELIST, whitelist),
            (labels::ENFORCE_TLS, self.https_enforced.map(|on| on.to_string())),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)))
    }
}

/// An app's Service. Its selector is the same for life and never names a release, so pods of two releases and canaries are
/// served side by side.
#[must_use]
pub fn service(app: &AppName, routing: &Routing) -> Service {
    let mut selector = labels::of_app(app);
    selector.insert(labels::BACKEND.to_owned(), "true".to_owned());
    let mut all = labels::of_app(app);
    all.insert(labels::ROUTABLE.to_owned(), routing.rules.routable.to_string());
    let domains = routing.domains.iter().map(Hostname::as_str).collect::<Vec<_>>().join(",");
    let certificates = routing.certificates.iter();
    let certificates =
        certificates.map(|(domain, digest)| format!("{domain}:{}", names::certificate_copy(app, digest)));
    let certificates = certificates.collect::<Vec<_>>().join(",");
    // Also when there are none: what stood there before goes.
    let named = [(labels::DOMAINS.to_owned(), domains), (labels::CERTIFICATES.to_owned(), certificates)];
    let annotations = named.into_iter().chain(routing.rules.annotations());
    made(app, app.to_string(), all, annotations.collect(), selector)
}

/// The Services of process types that have paths of the app. They have no hosts of their own: the routers come to them by the app's Service,
/// whose rules hold. Their selectors are the same for life, too.
#[must_use]
pub fn services_of_paths(app: &AppName, routing: &Routing) -> Vec<Service> {
    let of_type = |(proc_type, pattern): (&ProcType, &String)| {
        let mut all = labels::of_type(app, proc_type);
        all.insert(labels::ROUTABLE.to_owned(), routing.rules.routable.to_string());
        let annotations = [(labels::PROXY_DOMAIN, app.to_string()), (labels::PROXY_LOCATIONS, pattern.clone())];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value));
        made(app, names::of_type(app, proc_type), all, annotations.into(), labels::of_type(app, proc_type))
    };
    routing.rules.services.iter().map(of_type).collect()
}

/// Whether a Service of an app's namespace is one of [`services_of_paths`].
#[must_use]
pub fn is_of_paths(meta: &ObjectMeta) -> bool {
    let has_paths = meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(labels::PROXY_DOMAIN));
    has_paths && labels::app(meta).is_some()
}

fn made(
    app: &AppName,
    name: String,
    all: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    selector: BTreeMap<String, String>,
) -> Service {
    let port = ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port: 80,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            name: Some(name),
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
    use super::*;

    fn routing(rules: Rules) -> Routing {
        let domains = ["peachy-waxworks", "example.com"].map(|domain| domain.parse().unwrap());
        Routing { domains: domains.into(), rules, ..Routing::default() }
    }

    #[test]
    fn serves_every_release() {
        insta::assert_yaml_snapshot!(service(&"peachy-waxworks".parse().unwrap(), &routing(Rules::default())));
    }

    #[test]
    fn names_the_certificates_of_its_domains() {
        let digest = |byte| CertificateDigest::of([byte; 32]);
        let certificates = [("example.com", digest(0xab)), ("peachy-waxworks", digest(0x01))];
        let certificates = certificates.map(|(domain, digest)| (domain.parse().unwrap(), digest)).into();
        let routing = Routing { certificates, ..routing(Rules::default()) };
        let annotations = service(&"peachy-waxworks".parse().unwrap(), &routing).metadata.annotations.unwrap();
        let expected =
            "example.com:peachy-waxworks-abababababababababab,peachy-waxworks:peachy-waxworks-01010101010101010101";
        assert_eq!(annotations[labels::CERTIFICATES], expected);
    }

    #[test]
    fn a_process_type_with_paths_has_one_of_its_own() {
        let services = [("api".parse().unwrap(), "/api,/v2".to_owned())].into();
        let routing = routing(Rules { services, ..Rules::default() });
        let app = "peachy-waxworks".parse().unwrap();
        let made = services_of_paths(&app, &routing);
        assert!(made.iter().all(|service| is_of_paths(&service.metadata)));
        assert!(!is_of_paths(&service(&app, &routing).metadata));
        insta::assert_yaml_snapshot!(made);
    }

    #[test]
    fn says_what_somebody_has_said_of_it() {
        let shown = |rules: Rules| {
            let metadata = service(&"peachy-waxworks".parse().unwrap(), &routing(rules)).metadata;
            (metadata.labels.unwrap()[labels::ROUTABLE].clone(), metadata.annotations.unwrap())
        };
        let whitelist = Some(["10.0.0.0/8", "192.0.2.7"].map(str::to_owned).into());
        let all = Rules {
            routable: false,
            maintenance: Some(true),
            whitelist,
            https_enforced: Some(true),
            ..Rules::default()
        };
        let none = Rules {
            maintenance: Some(false),
            whitelist: Some(BTreeSet::new()),
            https_enforced: Some(false),
            ..Rules::default()
        };
        insta::assert_yaml_snapshot!([shown(all), shown(none)]);
    }
}
