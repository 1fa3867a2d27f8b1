use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Release {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    pub version: u64,
    pub summary: String,
    /// Its deploy failed; a failed release is listed and never served.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub failed: bool,
    /// Why it failed, and what to do next.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub exception: Option<String>,
    /// The stable code of why it failed; left out of those that did not, as the original knew no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The last lines of the process that failed; of one release alone, not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
    pub config: Uuid,
    /// None for the initial release and for config changes before the first build.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub build: Option<Uuid>,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/releases/rollback/`; without a version, to the one before.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rollback {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// Answer of a rollback: the version of the new release.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RolledBack {
    pub version: u64,
}

/// The media type of `GET /v2/apps/{id}/releases/v{N}/progress/`: one [`ReleaseProgress`] a line; an empty line is a sign of life.
pub const PROGRESS_MEDIA_TYPE: &str = "application/x-ndjson";

/// How the deploy of a release goes on. One that is over is the last line; an answer that ends without one is to be asked for again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ReleaseProgress {
    /// What is waited for now.
    Step { text: String },
    /// It is deployed, or has nothing to deploy.
    Deployed {
        /// The later release that is to serve by now, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        superseded_by: Option<u64>,
    },
    /// It could not be deployed and never serves.
    Failed {
        /// A stable code.
        code: String,
        message: String,
        /// The last lines of the process that failed.
        log_tail: Vec<String>,
    },
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
    fn progress_is_lines_of_objects() {
        let lines = [
            ReleaseProgress::Step { text: "web: 1 of 2 pods ready".to_owned() },
            ReleaseProgress::Deployed { superseded_by: None },
            ReleaseProgress::Deployed { superseded_by: Some(6) },
            ReleaseProgress::Failed {
                code: "never-ready".to_owned(),
                message: "The process web does not listen.".to_owned(),
                log_tail: vec!["panic".to_owned()],
            },
        ];
        let shown = lines.map(|line| serde_json::to_string(&line).unwrap() + "\n").concat();
        insta::assert_snapshot!(shown, @r#"
        {"kind":"step","text":"web: 1 of 2 pods ready"}
        {"kind":"deployed"}
        {"kind":"deployed","superseded_by":6}
        {"kind":"failed","code":"never-ready","message":"The process web does not listen.","log_tail":["panic"]}
        "#);
        for line in shown.lines() {
            let back: ReleaseProgress = serde_json::from_str(line).unwrap();
            assert_eq!(serde_json::to_string(&back).unwrap(), line);
        }
    }

    #[test]
    fn a_rollback_names_a_version_or_none() {
        assert_eq!(serde_json::to_value(Rollback::default()).unwrap(), json!({}));
        assert_eq!(serde_json::from_value::<Rollback>(json!({"version": 2})).unwrap().version, Some(2));
    }
}

/// What is different between two releases. Secrets are masked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseDifference {
    /// `v2`.
    pub from: String,
    /// `v3`.
    pub to: String,
    /// Of what is different, how it is in the one: `{"values": {"KEY": "********"}, "image": "…"}`.
    pub before: serde_json::Value,
    /// Of what is different, how it is in the other.
    pub after: serde_json::Value,
}
