use deis_api::AppName;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels;

/// Label of Kubernetes' Pod Security admission.
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// An app's namespace, which has the app's name. Its pods live under the profile `restricted`, or under `baseline` where they may run
/// as root.
#[must_use]
pub fn namespace(app: &AppName, allow_root: bool) -> Namespace {
    let mut all = labels::of_app(app);
    let profile = if allow_root { "baseline" } else { "restricted" };
    all.insert(POD_SECURITY.to_owned(), profile.to_owned());
    let metadata = ObjectMeta { name: Some(app.to_string()), labels: Some(all), ..ObjectMeta::default() };
    Namespace { metadata, ..Namespace::default() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn restricted_and_labelled() {
        insta::assert_yaml_snapshot!(super::namespace(&"peachy-waxworks".parse().unwrap(), false));
        let label = |allow_root| super::namespace(&"shop".parse().unwrap(), allow_root).metadata.labels.unwrap();
        assert_eq!(label(true)[super::POD_SECURITY], "baseline");
    }
}
