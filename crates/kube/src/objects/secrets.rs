use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::{AppName, ReleaseVersion};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use crate::{labels, names};

/// The registry as the nodes see it: the read-only proxy on each node's own address.
pub const REGISTRY: &str = "127.0.0.1:5555";

/// The environment of one release, under the names of its variables.
#[must_use]
pub fn environment(app: &AppName, version: ReleaseVersion, variables: &BTreeMap<String, String>) -> Secret {
    let mut all = labels::of_app(app);
    all.insert(labels::VERSION.to_owned(), version.to_string());
    all.insert(labels::TYPE.to_owned(), "env".to_owned());
    let data = variables.iter().map(|(name, value)| (name.clone(), ByteString(value.clone().into_bytes()))).collect();
    Secret {
        metadata: metadata(app, names::environment(app, version), all),
        type_: Some("Opaque".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

/// What the kubelet shows to the registry proxy to pull this app's repository and no other's.
#[must_use]
pub fn pull_secret(app: &AppName, password: &str) -> Secret {
    let auth = STANDARD.encode(format!("{app}:{password}"));
    let config = json!({ "auths": { REGISTRY: { "username": app, "password": password, "auth": auth } } });
    let data = BTreeMap::from([(".dockerconfigjson".to_owned(), ByteString(config.to_string().into_bytes()))]);
    Secret {
        metadata: metadata(app, names::pull_secret(app), labels::of_app(app)),
        type_: Some("kubernetes.io/dockerconfigjson".to_owned()),
        data: Some(data),
        ..Secret::default()
    }
}

fn metadata(app: &AppName, name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta { name: Some(name), namespace: Some(app.to_string()), labels: Some(labels), ..ObjectMeta::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_keeps_the_names_of_variables() {
        let variables = BTreeMap::from([("POWERED_BY".to_owned(), "Kubernetes".to_owned())]);
        let secret = environment(&"peachy-waxworks".parse().unwrap(), "v3".parse().unwrap(), &variables);
        insta::assert_yaml_snapshot!(secret);
    }

    #[test]
    fn pull_secret_is_for_the_proxy_alone() {
        let secret = pull_secret(&"peachy-waxworks".parse().unwrap(), "0a1b");
        let data = secret.data.unwrap();
        let config = String::from_utf8(data[".dockerconfigjson"].0.clone()).unwrap();
        insta::assert_snapshot!(config);
    }
}
