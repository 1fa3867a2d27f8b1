use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Secret, Time};

/// One immutable snapshot of an app's configuration.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Config {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    /// Environment variable → value.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub values: BTreeMap<String, Secret>,
    /// Process type → `limit` or `request/limit`.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub memory: BTreeMap<String, String>,
    /// Process type → `limit` or `request/limit`. Strings always: old clients assert it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub cpu: BTreeMap<String, String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub registry: BTreeMap<String, Secret>,
    /// Process type → probes in the form of Kubernetes; these keep their types.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub healthcheck: BTreeMap<String, Value>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub lifecycle_post_start: BTreeMap<String, String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub lifecycle_pre_stop: BTreeMap<String, String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub termination_grace_period: BTreeMap<String, String>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/config/`: a key with a value is set, a key with `null` is unset, the others stay.
///
/// Reading is tolerant as the contract asks: a string that holds JSON stands for the object, and numbers and
/// booleans stand for their text.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ConfigPatch {
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Option<String>>))]
    pub values: BTreeMap<String, Option<Secret>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub memory: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub cpu: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Option<String>>))]
    pub registry: BTreeMap<String, Option<Secret>>,
    #[serde(deserialize_with = "object", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Value>))]
    pub healthcheck: BTreeMap<String, Option<Value>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub lifecycle_post_start: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub lifecycle_pre_stop: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub termination_grace_period: BTreeMap<String, Option<String>>,
}

fn texts<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let entries: BTreeMap<String, Value> = object(deserializer)?;
    entries
        .into_iter()
        .map(|(key, value)| {
            let text = match value {
                Value::Null => None,
                Value::String(text) => Some(text.into()),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
                Value::Array(_) | Value::Object(_) => {
                    return Err(Error::custom(format!(
                        "the value of {key} must be a string, a number, a boolean or null"
                    )));
                }
            };
            Ok((key, text))
        })
        .collect()
}

/// An object, or a string that holds one as JSON.
fn object<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    struct ObjectOrText<T>(std::marker::PhantomData<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for ObjectOrText<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object, or a string that holds one as JSON")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            serde_json::from_str(text).map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            BTreeMap::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(ObjectOrText(std::marker::PhantomData))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_example_survives_a_round_trip() {
        let body = json!({
            "uuid": "ed637ceb-5d32-44bd-9406-d326a777a513", "owner": "bob", "app": "peachy-waxworks",
            "values": {"MODE": "test", "PORT": "8080"}, "memory": {"web": "256M/512M"}, "cpu": {"web": "500m"},
            "tags": {"disk": "ssd"}, "registry": {"username": "bob", "password": "secret"},
            "healthcheck": {"web/cmd": {"livenessProbe": {"initialDelaySeconds": 50, "timeoutSeconds": 50,
                "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                "httpGet": {"path": "/", "port": 80}}}},
            "lifecycle_post_start": {}, "lifecycle_pre_stop": {}, "termination_grace_period": {"worker": "300"},
            "created": "2016-08-22T17:40:16Z", "updated": "2016-08-22T17:40:16Z"
        });
        let config: Config = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(config.values["MODE"].expose(), "test");
        assert_eq!(serde_json::to_value(&config).unwrap(), body);
    }

    #[test]
    fn a_patch_sets_unsets_and_leaves_the_rest_alone() {
        let body = json!({"values": {"MODE": "test", "OLD": null}});
        let patch: ConfigPatch = serde_json::from_value(body.clone()).unwrap();
        assert!(patch.values["OLD"].is_none());
        assert_eq!(serde_json::to_value(&patch).unwrap(), body);
    }

    #[test]
    fn a_patch_reads_numbers_booleans_and_json_in_a_string() {
        let patch: ConfigPatch = serde_json::from_value(json!({
            "values": "{\"PORT\": 8080, \"DEBUG\": true}",
            "healthcheck": {"web": {"livenessProbe": null}, "worker": null}
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(&patch).unwrap(),
            json!({
                "values": {"PORT": "8080", "DEBUG": "true"},
                "healthcheck": {"web": {"livenessProbe": null}, "worker": null}
            })
        );
    }

    #[test]
    fn a_patch_refuses_what_is_no_text() {
        for values in [json!([1]), json!("no json"), json!({"A": [1]}), json!(7)] {
            assert!(serde_json::from_value::<ConfigPatch>(json!({ "values": values })).is_err(), "{values}");
        }
    }
}
