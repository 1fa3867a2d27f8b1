use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Release {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    pub version: u64,
    pub summary: String,
    /// Its deploy failed; a failed release is listed and never served.
    #[serde(default)]
    pub failed: bool,
    /// Why it failed.
    #[serde(default)]
    pub exception: Option<String>,
    pub config: Uuid,
    /// None for the initial release and for config changes before the first build.
    pub build: Option<Uuid>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/releases/rollback/`; without a version, to the one before.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rollback {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Answer of a rollback: the version of the new release.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RolledBack {
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_example_survives_a_round_trip() {
        let body = json!({
            "uuid": "c4aed81c-d1ca-4ff1-ab89-d2151264e1a3", "owner": "bob", "app": "peachy-waxworks", "version": 4,
            "summary": "bob deployed 060da68", "failed": false, "exception": null,
            "config": "ed637ceb-5d32-44bd-9406-d326a777a513", "build": "95bd6dea-1685-4f78-a03d-fd7270b058d1",
            "created": "2016-08-22T17:40:16Z", "updated": "2016-08-22T17:40:16Z"
        });
        let release: Release = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&release).unwrap(), body);
    }

    #[test]
    fn a_rollback_names_a_version_or_none() {
        assert_eq!(serde_json::to_value(Rollback::default()).unwrap(), json!({}));
        assert_eq!(serde_json::from_value::<Rollback>(json!({"version": 2})).unwrap().version, Some(2));
    }
}
