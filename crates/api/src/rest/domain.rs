use serde::{Deserialize, Serialize};

use super::Time;

/// A name under which an app is served. Without a dot it is a sub-domain of the platform's domain.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Domain {
    pub owner: String,
    pub app: String,
    pub domain: String,
    pub created: Time,
    pub updated: Time,
}

/// `POST /v2/apps/{id}/domains/`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct NewDomain {
    #[serde(default)]
    pub domain: String,
}
