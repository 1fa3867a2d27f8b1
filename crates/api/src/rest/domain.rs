use serde::{Deserialize, Serialize};

use super::Time;

/// A name under which an app is served. Without a dot it is a sub-domain of the platform's domain.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Domain {
    pub owner: String,
    pub app: String,
    pub domain: String,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/domains/`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewDomain {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub domain: String,
}
