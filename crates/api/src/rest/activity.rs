use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Time;

/// Something that was done to an account, or to all of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountActivity {
    /// Whose account it is; null where it is about all of them.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub account: Option<String>,
    /// What was done; its number is its place among all of the account's.
    #[serde(flatten)]
    pub activity: Activity,
}

/// Something that was done to an app. Secrets are masked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Activity {
    /// Its place among all of the app's, from 1.
    pub number: i64,
    pub time: Time,
    /// Who did it; null for the platform itself.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub user: Option<String>,
    /// Where he called from; null where that is not known, as for `git push`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub address: Option<String>,
    /// `app.scale`.
    pub action: String,
    /// Of what has changed, how it was.
    pub before: Value,
    /// Of what has changed, how it is since.
    pub after: Value,
    /// Whether it is as it was written, and none is missing before it.
    pub intact: bool,
}
