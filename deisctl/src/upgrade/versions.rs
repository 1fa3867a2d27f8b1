use semver::{Version, VersionReq};

use crate::doctor::Finding;

const AREA: &str = "version";

/// Whether the platform may go from one version to the other, on this Kubernetes.
pub(crate) fn direction(
    from: &str,
    to: &str,
    may_go_back: bool,
    kubernetes: &str,
    wanted: Option<&str>,
) -> Vec<Finding> {
    vec![platform(from, to, may_go_back), cluster(kubernetes, wanted)]
}

fn platform(from: &str, to: &str, may_go_back: bool) -> Finding {
    let subject = "Deis Workflow";
    match (Version::parse(from), Version::parse(to)) {
        (Ok(running), Ok(new)) if new < running && !may_go_back => Finding::fault(
            AREA,
            subject,
            format!(
                "would go back from {from} to {to}: the ledger may have been migrated, and no migration is taken back"
            ),
            "use the deisctl of the newer version; with a backup of the older one, --allow-downgrade",
        ),
        (Ok(running), Ok(new)) if new < running => {
            Finding::well(AREA, subject, format!("goes back from {from} to {to}, as asked"))
        }
        (Ok(running), Ok(new)) if new == running => {
            Finding::well(AREA, subject, format!("stays {to}; its values may change"))
        }
        (Ok(_), Ok(_)) => Finding::well(AREA, subject, format!("goes from {from} to {to}")),
        _ => Finding::fault(
            AREA,
            subject,
            format!("cannot be compared: {from} and {to}"),
            "give a chart of the platform",
        ),
    }
}

/// The chart's own range, which helm would refuse by too; cloud providers add something to the version.
fn cluster(kubernetes: &str, wanted: Option<&str>) -> Finding {
    let subject = "Kubernetes";
    let plain = kubernetes.trim_start_matches('v').split(['+', '-']).next().unwrap_or_default();
    match (Version::parse(plain), wanted.map(VersionReq::parse)) {
        (Ok(version), Some(Ok(range))) if !range.matches(&version) => Finding::fault(
            AREA,
            subject,
            format!("is {kubernetes}, the chart needs {range}"),
            "upgrade the cluster first",
        ),
        _ => Finding::well(AREA, subject, format!("is {kubernetes}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(from: &str, to: &str, may_go_back: bool, kubernetes: &str) -> Vec<(bool, String)> {
        let findings = direction(from, to, may_go_back, kubernetes, Some(">=1.32.0-0"));
        findings.into_iter().map(|finding| (finding.well, finding.says)).collect()
    }

    #[test]
    fn a_version_goes_up_or_stays() {
        assert_eq!(
            says("0.1.0", "0.2.0", false, "v1.35.4"),
            [(true, "goes from 0.1.0 to 0.2.0".to_owned()), (true, "is v1.35.4".to_owned()),]
        );
        assert!(says("0.1.0", "0.1.0", false, "v1.35.4-eks-1").iter().all(|(well, _)| *well));
        assert!(!says("0.10.0", "0.9.0", false, "v1.35.4")[0].0);
        assert!(says("0.10.0", "0.9.0", true, "v1.35.4")[0].0);
        let old = says("0.1.0", "0.2.0", false, "v1.31.9+k3s1");
        assert_eq!(old[1], (false, "is v1.31.9+k3s1, the chart needs >=1.32.0-0".to_owned()));
    }
}
