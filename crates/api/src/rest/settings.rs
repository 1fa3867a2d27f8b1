use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
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

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
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
