//! How an app's source became images.

pub mod cancel;
pub mod clear_cache;
pub mod create;
pub mod info;
pub mod list;
pub mod log;

use std::collections::BTreeMap;
use std::fmt;

use deis_api::rest::Time;
use serde::{Deserialize, Serialize};

/// A build with what became of it. Servers that do not know of failed builds list none, and send no state.
#[derive(Debug, Deserialize, Serialize)]
struct Build {
    uuid: String,
    owner: String,
    app: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    sha: String,
    #[serde(default)]
    procfile: BTreeMap<String, String>,
    #[serde(default)]
    dockerfile: String,
    #[serde(default)]
    state: State,
    #[serde(default)]
    failure: Option<String>,
    created: Time,
    updated: Time,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Succeeded,
    Failed,
    Cancelled,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}
