use serde::{Deserialize, Serialize};

/// How many entries a list answers when `limit` is absent or 0.
pub const DEFAULT_LIMIT: u32 = 100;

/// One page of a list. `results` is always an array and `count` always a number: old clients fall over without.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Page<T> {
    /// How many entries there are in all pages.
    pub count: u64,
    /// Absolute address of the next page.
    pub next: Option<String>,
    /// Absolute address of the previous page.
    pub previous: Option<String>,
    pub results: Vec<T>,
}
