//! What helm says, in the documents that it writes for programs.

use serde::Deserialize;

/// A revision of the release, as `helm history --output=json` lists it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(crate) struct Revision {
    pub(crate) revision: u32,
    pub(crate) status: String,
    pub(crate) app_version: String,
}

/// All that helm remembers, the newest last.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct History(Vec<Revision>);

impl History {
    pub(crate) fn newest(&self) -> Option<&Revision> {
        self.0.last()
    }

    /// The revision that the cluster runs, and to which a failed upgrade goes back.
    pub(crate) fn running(&self) -> Option<&Revision> {
        self.0.iter().rev().find(|revision| revision.status == "deployed")
    }

    /// Helm is at work on it, or was killed at it: it refuses another upgrade.
    pub(crate) fn is_pending(&self) -> bool {
        self.newest().is_some_and(|revision| revision.status.starts_with("pending-"))
    }
}

/// What `helm show chart` tells.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChartFacts {
    pub(crate) app_version: String,
    #[serde(default)]
    pub(crate) kube_version: Option<String>,
}

/// What `helm upgrade --dry-run --output=json` would write.
#[derive(Debug, Deserialize)]
pub(crate) struct Rendered {
    pub(crate) manifest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(statuses: &[&str]) -> History {
        let revision = |(index, status): (usize, &&str)| Revision {
            revision: u32::try_from(index).unwrap() + 1,
            status: (*status).to_owned(),
            app_version: "0.1.0".to_owned(),
        };
        History(statuses.iter().enumerate().map(revision).collect())
    }

    #[test]
    fn a_failed_revision_is_not_what_runs() {
        let failed = history(&["superseded", "deployed", "failed"]);
        assert_eq!(failed.running().unwrap().revision, 2);
        assert!(!failed.is_pending());
        assert!(history(&["deployed", "pending-upgrade"]).is_pending());
        assert_eq!(history(&["failed"]).running(), None);
    }

    #[test]
    fn helms_documents_are_read() {
        let line = r#"[{"revision":1,"updated":"2026-11-28T14:57:36Z","status":"deployed","chart":"workflow-0.1.0","app_version":"0.1.0",
                       "description":"Install complete"}]"#;
        let history: History = serde_json::from_str(line).unwrap();
        assert_eq!(history.newest().unwrap().revision, 1);
        let chart: ChartFacts = serde_saphyr::from_str(include_str!("../../../charts/workflow/Chart.yaml")).unwrap();
        assert_eq!(chart.app_version, env!("CARGO_PKG_VERSION"));
        assert_eq!(chart.kube_version.as_deref(), Some(">=1.32.0-0"));
    }
}
