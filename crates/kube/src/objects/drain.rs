use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::labels;

/// The pods of a Service that are about to be deleted, as its annotation [`labels::DRAIN`] says in JSON:
/// `{"epoch":7,"leaving":["1c9e0a4e-…"]}`. The routers choose other pods for new requests, as long as there are any.
///
/// The annotation stays when nobody is leaving any more: an epoch is never used twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// Grows with every change, so that a router can say which one it goes by. 0 when there has been none.
    pub epoch: i64,
    /// The pods' uids.
    pub leaving: BTreeSet<String>,
}

impl Drain {
    /// What a Service says; nothing when it says nothing that can be read.
    #[must_use]
    pub fn of(service: &ObjectMeta) -> Self {
        let text = service.annotations.as_ref().and_then(|annotations| annotations.get(labels::DRAIN));
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// These pods are leaving now, and no others.
    #[must_use]
    pub const fn next(&self, leaving: BTreeSet<String>) -> Self {
        Self { epoch: self.epoch.saturating_add(1), leaving }
    }
}

impl fmt::Display for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        serde_json::json!(self).fmt(f)
    }
}

impl FromStr for Drain {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let drain = Drain { epoch: 6, ..Drain::default() }.next(["b", "a"].map(str::to_owned).into());
        insta::assert_snapshot!(drain, @r#"{"epoch":7,"leaving":["a","b"]}"#);
        assert_eq!(drain.to_string().parse::<Drain>().unwrap(), drain);
        let annotations = |text: &str| {
            let annotations = [(labels::DRAIN.to_owned(), text.to_owned())].into();
            Drain::of(&ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() })
        };
        assert_eq!(annotations(&drain.to_string()), drain);
        for bad in ["", "all", "[]", "{}", r#"{"epoch":"7","leaving":[]}"#, r#"{"epoch":7,"leaving":[1]}"#] {
            assert_eq!(annotations(bad), Drain::default(), "{bad}");
        }
        assert_eq!(Drain::of(&ObjectMeta::default()), Drain::default());
    }
}
