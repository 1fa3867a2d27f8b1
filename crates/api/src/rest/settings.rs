use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Time;

/// What an app is apart from its releases.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct AppSettings {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    pub maintenance: bool,
    pub routable: bool,
    /// Addresses and networks that may call; empty for everybody.
    #[serde(default)]
    pub whitelist: Vec<String>,
    /// Process type → rule.
    #[serde(default)]
    pub autoscale: BTreeMap<String, Autoscale>,
    /// Notes of the app's owners; never sent to Kubernetes.
    #[serde(default)]
    pub label: BTreeMap<String, String>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/settings/`: what is not given stays as it is. Within `autoscale` a process type with `null` loses its rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct SettingsPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitelist: Option<Vec<String>>,
    /// Process type → [`Autoscale`]; read by whoever can say what is wrong with which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<BTreeMap<String, Option<Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<BTreeMap<String, Option<String>>>,
}

/// `/v2/apps/{id}/whitelist/`: addresses and networks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Whitelist {
    pub addresses: Vec<String>,
}

/// `/v2/apps/{id}/tls/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tls {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    /// Nothing as long as nobody has said anything: then the platform's own setting holds.
    pub https_enforced: Option<bool>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/tls/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TlsPatch {
    pub https_enforced: bool,
}

/// How many pods a process type has: between `min` and `max`, so that they use `cpu_percent` of the CPU that they ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Autoscale {
    pub min: u32,
    pub max: u32,
    pub cpu_percent: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_example_survives_a_round_trip() {
        let body = json!({
            "uuid": "3bb816b1-4fde-4b06-8afe-acd12f58a266", "owner": "bob", "app": "peachy-waxworks",
            "maintenance": false, "routable": true, "whitelist": ["10.0.0.0/8"],
            "autoscale": {"web": {"min": 2, "max": 8, "cpu_percent": 75}}, "label": {"team": "frontend"},
            "created": "2016-08-22T17:40:16Z", "updated": "2016-08-22T17:40:16Z"
        });
        let settings: AppSettings = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&settings).unwrap(), body);
    }
}
