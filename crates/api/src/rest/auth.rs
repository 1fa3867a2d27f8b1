use serde::{Deserialize, Serialize};

use super::{Secret, Time};

/// `POST /v2/auth/register/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Registration {
    pub username: String,
    pub password: Secret,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: String,
}

/// Answer of register and whoami. It holds no `id`: clients print 0 in its place, and suites expect that.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct User {
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub is_superuser: bool,
    pub is_staff: bool,
    pub is_active: bool,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub user_permissions: Vec<String>,
    pub last_login: Option<Time>,
    pub date_joined: Time,
}

/// `POST /v2/auth/login/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

/// Answer of login: 40 lower-case hex digits, the same until regenerated.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Token {
    pub token: Secret,
}
