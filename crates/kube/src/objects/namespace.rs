use deis_api::AppName;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::labels;

/// Label of Kubernetes' Pod Security admission, and the profile that apps live under.
const POD_SECURITY: (&str, &str) = ("pod-security.kubernetes.io/enforce", "restricted");

/// An app's namespace, which has the app's name.
#[must_use]
pub fn namespace(app: &AppName) -> Namespace {
    let mut all = labels::of_app(app);
    all.insert(POD_SECURITY.0.to_owned(), POD_SECURITY.1.to_owned());
    let metadata = ObjectMeta { name: Some(app.to_string()), labels: Some(all), ..ObjectMeta::default() };
    Namespace { metadata, ..Namespace::default() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn restricted_and_labelled() {
        insta::assert_yaml_snapshot!(super::namespace(&"peachy-waxworks".parse().unwrap()));
    }
}
