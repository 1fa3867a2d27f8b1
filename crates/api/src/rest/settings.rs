use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Time;

/// What an app is apart from its releases.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppSettings {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    pub maintenance: bool,
    pub routable: bool,
    /// Addresses and networks that may call; empty for everybody.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub whitelist: Vec<String>,
    /// Process type → rule.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub autoscale: BTreeMap<String, Autoscale>,
    /// Notes of the app's owners; never sent to Kubernetes.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub label: BTreeMap<String, String>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/settings/`: what is not given stays as it is. Within `autoscale` a process type with `null` loses its rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    #[cfg_attr(feature = "openapi", schema(schema_with = rules))]
    pub autoscale: Option<BTreeMap<String, Option<Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<BTreeMap<String, Option<String>>>,
}

/// Process type → rule, or null.
#[cfg(feature = "openapi")]
fn rules() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

    let null = ObjectBuilder::new().schema_type(Type::Null);
    let rule = OneOfBuilder::new().item(null).item(utoipa::openapi::Ref::from_schema_name("Autoscale"));
    let types = [Type::Object, Type::Null].into_iter().collect::<utoipa::openapi::schema::SchemaType>();
    ObjectBuilder::new().schema_type(types).additional_properties(Some(Schema::from(rule))).into()
}

/// `/v2/apps/{id}/whitelist/`: addresses and networks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Whitelist {
    pub addresses: Vec<String>,
}

/// `/v2/apps/{id}/tls/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tls {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    /// Nothing as long as nobody has said anything: then the platform's own setting holds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub https_enforced: Option<bool>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/tls/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TlsPatch {
    pub https_enforced: bool,
}

/// How many pods a process type has: between `min` and `max`, so that they use `cpu_percent` of the CPU that they ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
