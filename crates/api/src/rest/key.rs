use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Time;

/// `POST /v2/keys/`. Clients send the whole key file: white space at both ends is to be trimmed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewKey {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub id: String,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub public: String,
}

/// An SSH key of one user.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    pub uuid: Uuid,
    pub owner: String,
    /// Often `user@host`; unique over all users.
    pub id: String,
    /// The line of an `authorized_keys` file.
    pub public: String,
    /// MD5 of the key's blob: lower-case hex pairs with colons.
    pub fingerprint: String,
    pub created: Time,
    pub updated: Time,
}
