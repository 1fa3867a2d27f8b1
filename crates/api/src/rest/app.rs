use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

/// `POST /v2/apps/`; without an id the server finds one.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewApp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Process type → replicas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub structure: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct App {
    pub uuid: Uuid,
    pub id: String,
    /// Username of the owner.
    pub owner: String,
    /// Process type → replicas asked for.
    pub structure: BTreeMap<String, u32>,
    /// Process type → command, as the last Procfile that did not fail names them; older servers do not say.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub procfile_structure: BTreeMap<String, String>,
    /// Whether its images may run as root; left out where they may not, as the original knew no such thing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_root: bool,
    pub created: Time,
    pub updated: Time,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_example_survives_a_round_trip() {
        let body = json!({
            "uuid": "de1bf5b5-4a72-4f94-a10c-d2a3741cdf75", "id": "peachy-waxworks", "owner": "bob",
            "structure": {"web": 2, "worker": 1}, "procfile_structure": {"web": "./serve"}, "created": "2016-08-22T17:40:16Z", "updated": "2016-08-22T17:40:16Z"
        });
        let app: App = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(app.structure["web"], 2);
        assert_eq!(serde_json::to_value(&app).unwrap(), body);
    }

    #[test]
    fn an_app_without_a_name_is_asked_for_with_an_empty_object() {
        assert_eq!(serde_json::to_value(NewApp::default()).unwrap(), json!({}));
    }
}
