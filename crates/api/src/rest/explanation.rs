use serde::{Deserialize, Serialize};

use super::Time;

/// `GET /v2/apps/{id}/explain/`: how an app is, and why.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    pub app: String,
    /// The release that is to serve.
    pub release: u64,
    /// `up`, `degraded`, `down`, `stopped` or `being-destroyed`.
    pub state: String,
    /// The same in one sentence.
    pub headline: String,
    /// What is to be known of it, the most important first.
    pub problems: Vec<Problem>,
}

/// Something that is to be known of an app. What does not apply is left out.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A stable code.
    pub code: String,
    /// What it is, in one sentence.
    pub message: String,
    /// What to do next.
    pub next: String,
    /// Process type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `v3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// How many other pods have the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub other_pods: u64,
    /// How often the pod's process was started again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u64,
    /// `startup`, `readiness` or `liveness`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The last lines of the process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_tail: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_apply_is_left_out() {
        let body = json!({
            "app": "shop", "release": 4, "state": "down", "headline": "shop is down: 0 of 1 web pod is ready.",
            "problems": [
                {
                    "code": "process-exited", "message": "The process web ended 3 times.", "next": "See its lines.",
                    "type": "web", "release": "v4", "pod": "shop-v4-web-x", "other_pods": 1, "restarts": 3,
                    "since": "2016-08-22T17:40:16Z", "log_tail": ["panic"]
                },
                { "code": "no-build", "message": "It has no build.", "next": "Push." }
            ]
        });
        let explanation: Explanation = serde_json::from_value(body.clone()).unwrap();
        assert_eq!(serde_json::to_value(&explanation).unwrap(), body);
    }
}
