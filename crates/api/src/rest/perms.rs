use serde::{Deserialize, Serialize};

/// `GET /v2/apps/{id}/perms/`: usernames, without the owner's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Collaborators {
    pub users: Vec<String>,
}

/// `POST /v2/apps/{id}/perms/`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub username: String,
}

/// `POST /v2/apps/{id}/`: who is to own it from now on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transfer {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub owner: String,
}
