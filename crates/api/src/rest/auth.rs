use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Secret, Time};

/// `POST /v2/auth/register/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    pub username: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub is_superuser: bool,
    pub is_staff: bool,
    pub is_active: bool,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub groups: Vec<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub user_permissions: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_login: Option<Time>,
    pub date_joined: Time,
}

/// `POST /v2/auth/login/`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    pub username: String,
    pub password: Secret,
}

/// Answer of login and of regenerating: 40 lower-case hex digits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    pub token: Secret,
}

/// `POST /v2/auth/tokens/`: nothing for one's own token.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Regenerate {
    /// Whose; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Those of all users; for administrators. That it is there counts, whatever it is, unless it says no.
    #[serde(deserialize_with = "is_meant", skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// `POST /v2/auth/passwd/`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NewPassword {
    /// Whose; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The one that holds; an administrator need not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_password: Option<Secret>,
}

/// Answer to a change of a password.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordSet {
    pub status: String,
}

impl Default for PasswordSet {
    fn default() -> Self {
        Self { status: "password set".to_owned() }
    }
}

/// `DELETE /v2/auth/cancel/`: nothing for one's own account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Cancel {
    /// Whose; for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

fn is_meant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(!matches!(value, Value::Null | Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_is_meant_unless_it_says_no() {
        let all = |value: Value| serde_json::from_value::<Regenerate>(json!({ "all": value })).unwrap().all;
        assert!(all(json!(true)) && all(json!("true")) && all(json!(1)));
        assert!(!all(json!(false)) && !all(json!(null)));
        assert_eq!(serde_json::to_value(Regenerate::default()).unwrap(), json!({}));
    }
}
