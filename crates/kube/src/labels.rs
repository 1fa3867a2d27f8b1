//! Labels and annotations. Identity stands in labels; nothing parses the name of a pod.

use std::collections::BTreeMap;

use deis_api::{AppName, ProcType, ReleaseVersion};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Label: the app an object belongs to.
pub const APP: &str = "app";
/// Label: the release, `v{N}`; [`CANARY`] on a pod that was taken out of its controller by hand.
pub const VERSION: &str = "version";
/// Label: the process type, or one of the reserved types.
pub const TYPE: &str = "type";
/// Label on everything that Deis owns, with value [`DEIS`].
pub const HERITAGE: &str = "heritage";
/// The value of [`HERITAGE`].
pub const DEIS: &str = "deis";
/// The value of [`VERSION`] on a pod that is served and shown, and never counted, adopted or pruned.
pub const CANARY: &str = "canary";

/// Label on build pods: the builder's process that waits for it, by a name that no other process has.
pub const BUILDER: &str = "deis.io/builder";
/// Label on pods of the served process type: the app's Service selects it.
pub const BACKEND: &str = "router.deis.io/backend";
/// Label on Services that the routers serve.
pub const ROUTABLE: &str = "router.deis.io/routable";
/// Annotation on a Service: its hosts, separated by commas; a name without a dot is completed with the platform's domain.
pub const DOMAINS: &str = "router.deis.io/domains";
/// Annotation on a Service: whether the routers answer 503 in its stead.
pub const MAINTENANCE: &str = "router.deis.io/maintenance";
/// Annotation on a Service: the addresses and networks that may call, separated by commas; all when it is empty.
pub const WHITELIST: &str = "router.deis.io/whitelist";
/// Annotation on a Service: whether the routers send plain requests to https.
pub const ENFORCE_TLS: &str = "router.deis.io/ssl.enforce";
/// Annotation on a Service: which of its domains has which certificate, `{domain}:{certificate}` separated by commas; the certificate is in
/// the Secret `{certificate}-cert` of the certificates' namespace.
pub const CERTIFICATES: &str = "router.deis.io/certificates";
/// Annotation on a Service: the pods that are about to be deleted; see [`Drain`](crate::objects::Drain). Written before they are,
/// and owned by nobody else: [`ensure`](crate::apply::ensure) leaves it as it is.
pub const DRAIN: &str = "router.deis.io/drain";
/// Annotation on a Service: the one of the same namespace below whose domains it has paths.
pub const PROXY_DOMAIN: &str = "router.deis.io/proxyDomain";
/// Annotation on such a Service: which paths, a [`PathPattern`](crate::paths::PathPattern).
pub const PROXY_LOCATIONS: &str = "router.deis.io/proxyLocations";
/// Annotation: the fence of the deploy lock under which the object was last written.
pub const FENCE: &str = "deis.io/fence";
/// Annotation of Kubernetes: of the ready pods of a controller, the one with the lowest cost is deleted first.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Selects everything that Deis owns.
pub const OURS: &str = "heritage=deis";

/// The labels of everything in an app's namespace.
#[must_use]
pub fn of_app(app: &AppName) -> BTreeMap<String, String> {
    BTreeMap::from([(APP.to_owned(), app.to_string()), (HERITAGE.to_owned(), DEIS.to_owned())])
}

/// The labels of what holds for one process type, of whatever release: they are on all of its pods.
#[must_use]
pub fn of_type(app: &AppName, proc_type: &ProcType) -> BTreeMap<String, String> {
    let mut labels = of_app(app);
    labels.insert(TYPE.to_owned(), proc_type.to_string());
    labels
}

/// The labels of one process type of one release: the selector of its controller, and on its pods.
#[must_use]
pub fn of_process(app: &AppName, version: ReleaseVersion, proc_type: &ProcType) -> BTreeMap<String, String> {
    let mut labels = of_type(app, proc_type);
    labels.insert(VERSION.to_owned(), version.to_string());
    labels
}

/// The app an object belongs to, if it is one of ours.
#[must_use]
pub fn app(meta: &ObjectMeta) -> Option<AppName> {
    if label(meta, HERITAGE)? != DEIS {
        return None;
    }
    label(meta, APP)?.parse().ok()
}

/// The release an object belongs to; `None` for a canary too.
#[must_use]
pub fn version(meta: &ObjectMeta) -> Option<ReleaseVersion> {
    label(meta, VERSION)?.parse().ok()
}

/// Whether a pod was taken out of its controller by hand, to be observed while it is served.
#[must_use]
pub fn is_canary(meta: &ObjectMeta) -> bool {
    label(meta, VERSION) == Some(CANARY)
}

/// The process type of an app's pod; `None` for build pods and one-off pods.
#[must_use]
pub fn proc_type(meta: &ObjectMeta) -> Option<ProcType> {
    label(meta, TYPE)?.parse::<ProcType>().ok().filter(|kind| !kind.is_reserved())
}

/// Whether a pod runs the release phase of a release.
#[must_use]
pub fn is_release_phase(meta: &ObjectMeta) -> bool {
    label(meta, TYPE).and_then(|kind| kind.parse().ok()) == Some(ProcType::release())
}

/// Whether a pod runs a command once that somebody asked for.
#[must_use]
pub fn is_one_off(meta: &ObjectMeta) -> bool {
    label(meta, TYPE).and_then(|kind| kind.parse().ok()) == Some(ProcType::run())
}

/// The fence an object was last written under; 0 when it carries none.
#[must_use]
pub fn fence(meta: &ObjectMeta) -> i64 {
    let text = meta.annotations.as_ref().and_then(|annotations| annotations.get(FENCE));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// One label of an object.
#[must_use]
pub fn label<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(key).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(labels: &[(&str, &str)]) -> ObjectMeta {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }
    }

    #[test]
    fn identity_is_read_from_labels() {
        let pod = meta(&[("app", "a"), ("heritage", "deis"), ("version", "v3"), ("type", "web")]);
        assert_eq!(app(&pod).unwrap().as_str(), "a");
        assert_eq!(version(&pod).unwrap().get(), 3);
        assert_eq!(proc_type(&pod).unwrap(), ProcType::web());
        assert!(!is_canary(&pod));
    }

    #[test]
    fn strangers_and_reserved_types_have_no_identity() {
        assert_eq!(app(&meta(&[("app", "a")])), None);
        assert_eq!(app(&meta(&[("app", "a"), ("heritage", "helm")])), None);
        assert_eq!(proc_type(&meta(&[("type", "build")])), None);
        let canary = meta(&[("version", "canary")]);
        assert!(is_canary(&canary));
        assert_eq!(version(&canary), None);
    }
}
