//! What helm says, in the documents that it writes for programs.

use deis_cli::Failure;
use serde::Deserialize;

use super::text;
use crate::cluster::ClusterArgs;
use crate::commands::install::HelmArgs;

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

/// How our `helm upgrade` ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Done,
    /// It said that it failed, and so it has written down what it did.
    Failed,
    /// By a signal, which may have left its revision half-way.
    Killed,
}

/// What a `helm upgrade` that went wrong has left.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Aftermath<'history> {
    /// Our revision is the newest one.
    Ours,
    /// No revision was made, and no object changed.
    Nothing,
    /// Somebody else has gone on from where we began.
    Theirs(&'history Revision),
}

impl History {
    /// Asks helm.
    pub(crate) async fn read(helm: &HelmArgs, cluster: &ClusterArgs) -> Result<Self, Failure> {
        let history = helm.read(text(&["history", &helm.release, "--output", "json"]), cluster).await?;
        Ok(serde_json::from_str(&history)?)
    }

    /// What our upgrade has left that began when `newest` was the newest revision.
    pub(super) fn aftermath(&self, newest: u32, end: End) -> Aftermath<'_> {
        let Some(now) = self.newest().filter(|now| now.revision > newest) else { return Aftermath::Nothing };
        let left = match end {
            End::Done => now.status == "deployed",
            End::Failed => now.status == "failed",
            End::Killed => matches!(now.status.as_str(), "failed" | "pending-upgrade"),
        };
        if left && now.revision == newest + 1 { Aftermath::Ours } else { Aftermath::Theirs(now) }
    }

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

    /// A revision of somebody else is nothing to be rolled back by us.
    #[test]
    fn only_our_own_revision_is_taken_back() {
        let left = |statuses: &[&str], end| match history(statuses).aftermath(2, end) {
            Aftermath::Ours => "ours".to_owned(),
            Aftermath::Nothing => "nothing".to_owned(),
            Aftermath::Theirs(revision) => format!("theirs: {}", revision.revision),
        };
        assert_eq!(left(&["superseded", "deployed", "failed"], End::Failed), "ours");
        assert_eq!(left(&["superseded", "superseded", "deployed"], End::Done), "ours");
        assert_eq!(left(&["superseded", "deployed", "pending-upgrade"], End::Killed), "ours");
        assert_eq!(left(&["superseded", "deployed"], End::Failed), "nothing");
        assert_eq!(left(&["deployed", "failed"], End::Killed), "nothing");
        // Helm refused ours, because theirs was under way or had just been done.
        assert_eq!(left(&["superseded", "deployed", "pending-upgrade"], End::Failed), "theirs: 3");
        assert_eq!(left(&["superseded", "superseded", "deployed"], End::Failed), "theirs: 3");
        // Ours was done, and they went on.
        assert_eq!(left(&["superseded", "superseded", "deployed", "pending-upgrade"], End::Done), "theirs: 4");
        assert_eq!(left(&["superseded", "superseded", "pending-rollback"], End::Killed), "theirs: 3");
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
