use serde::{Deserialize, Serialize};

/// `POST /v2/apps/{id}/run/`: a command to be run once, by a shell in the app's own image. With `Prefer: respond-async` nobody waits for it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Our own: how long it may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

/// How a command ended that somebody waited for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunEnded {
    pub exit_code: i32,
    /// What it printed, on both streams.
    pub output: String,
}

/// A command for which nobody waits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunStarted {
    /// Its lines in the app's log stand under this name.
    pub pod: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_original_clients_bodies_are_read() {
        let run: Run = serde_json::from_value(json!({ "command": "ls -l" })).unwrap();
        assert_eq!(run, Run { command: Some("ls -l".to_owned()), timeout: None });
        assert_eq!(serde_json::to_value(run).unwrap(), json!({ "command": "ls -l" }));
        assert_eq!(serde_json::from_value::<Run>(json!({ "command": null })).unwrap(), Run::default());
        let ended = RunEnded { exit_code: 0, output: "text".to_owned() };
        assert_eq!(serde_json::to_value(ended).unwrap(), json!({ "exit_code": 0, "output": "text" }));
    }
}
