use serde::{Deserialize, Serialize};

/// `GET /v2/apps/{id}/perms/`: usernames, without the owner's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Collaborators {
    pub users: Vec<String>,
}

/// `POST /v2/apps/{id}/perms/`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Grant {
    #[serde(default)]
    pub username: String,
}

/// `POST /v2/apps/{id}/`: who is to own it from now on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Transfer {
    #[serde(default)]
    pub owner: String,
}
