use serde::{Deserialize, Serialize};

/// How many entries a list answers when `limit` is absent or 0.
pub const DEFAULT_LIMIT: u32 = 100;

/// One page of a list. `results` is always an array and `count` always a number: old clients fall over without.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// How many entries there are in all pages.
    pub count: u64,
    /// Absolute address of the next page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub next: Option<String>,
    /// Absolute address of the previous page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub previous: Option<String>,
    pub results: Vec<T>,
}
