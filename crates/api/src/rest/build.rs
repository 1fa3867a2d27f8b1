use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

/// `POST /v2/apps/{id}/builds/`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewBuild {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub image: String,
    /// Process type → command.
    #[serde(default)]
    pub procfile: BTreeMap<String, String>,
    #[serde(default)]
    pub sha: String,
    #[serde(default)]
    pub dockerfile: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Build {
    pub uuid: Uuid,
    pub owner: String,
    pub app: String,
    pub image: String,
    /// Empty for a build that came from no commit.
    pub sha: String,
    /// Process type → command.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub procfile: BTreeMap<String, String>,
    /// Empty, or anything else for a build from a Dockerfile.
    pub dockerfile: String,
    /// `succeeded`, `failed` or `cancelled`; servers before had only the first.
    #[serde(default = "succeeded")]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub state: String,
    /// Why there is no image, in a sentence.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub failure: Option<String>,
    pub created: Time,
    pub updated: Time,
}

fn succeeded() -> String {
    "succeeded".to_owned()
}
