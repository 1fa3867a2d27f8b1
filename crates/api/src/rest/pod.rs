use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use super::Time;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pod {
    pub name: String,
    /// `up`, `starting`, … or a waiting reason of Kubernetes as it is.
    pub state: String,
    /// `v3`.
    pub release: String,
    /// Process type.
    #[serde(rename = "type")]
    pub kind: String,
    pub started: Time,
}

/// All pods at once; this list has no pages.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodList {
    pub results: Vec<Pod>,
    pub count: u64,
}

/// `POST /v2/apps/{id}/scale/`: process type → replicas. Digits in a string count as a number.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Scale(pub BTreeMap<String, u32>);

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = BTreeMap::<String, Value>::deserialize(deserializer)?;
        counts
            .into_iter()
            .map(|(kind, value)| count(&kind, &value).map(|count| (kind, count)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The type is named and not what stands there in place of a number: it may have been meant for another call.
fn count<E: Error>(kind: &str, value: &Value) -> Result<u32, E> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    let number =
        number.ok_or_else(|| E::custom(format!("Invalid scaling format: {kind} is not given a whole number")))?;
    if number < 0 {
        return Err(E::custom("Must be greater than or equal to zero"));
    }
    u32::try_from(number).map_err(|_| E::custom(format!("Invalid scaling format: {number} is too large")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_example_survives_a_round_trip() {
        let body = json!({
            "results": [{"name": "peachy-waxworks-web-4084101150-c871y", "state": "up", "release": "v4", "type": "web",
                "started": "2016-08-22T17:40:20Z"}],
            "count": 1
        });
        let pods: PodList = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&pods).unwrap(), body);
    }

    #[test]
    fn scale_reads_numbers_and_digits() {
        let scale: Scale = serde_json::from_value(json!({"web": 3, "worker": "1"})).unwrap();
        assert_eq!(serde_json::to_value(&scale).unwrap(), json!({"web": 3, "worker": 1}));
    }

    #[test]
    fn scale_says_what_is_wrong() {
        let refusal = |value| serde_json::from_value::<Scale>(json!({ "web": value })).unwrap_err().to_string();
        assert!(refusal(json!(-1)).contains("Must be greater than or equal to zero"));
        assert!(refusal(json!("-1")).contains("Must be greater than or equal to zero"));
        for value in [json!("many"), json!(1.5), json!(null), json!(4_294_967_296_u64)] {
            assert!(refusal(value.clone()).contains("Invalid scaling format"), "{value}");
        }
    }
}
