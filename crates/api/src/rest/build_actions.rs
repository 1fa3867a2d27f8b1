use serde::{Deserialize, Serialize};

/// Answer of `DELETE /v2/apps/{id}/builds/running/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CancelledBuild {
    /// The commit that was being built, 40 hexadecimal digits.
    pub sha: String,
}

/// Answer of `DELETE /v2/apps/{id}/builds/cache/`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClearedCache {
    /// How much was freed.
    pub bytes: u64,
}
