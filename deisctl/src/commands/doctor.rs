use deis_cli::{Failure, OutputArgs, Ui};
use jiff::Timestamp;

use crate::cluster::ClusterArgs;
use crate::doctor::{Finding, examine};
use crate::report;

/// Find what is wrong with the platform, and say what mends it.
///
/// Looks at nodes and their clocks, who leads and who holds locks, the platform's parts, its certificates and other Secrets,
/// volumes, Services, versions, what was changed by hand since helm wrote it, at apps whose pods find no node or that do not go
/// away, and at namespaces of apps that are no more. It changes nothing. Fails when it finds a fault.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let (reports, unasked) = report::all(&client, &cluster.namespace).await?;
    if let Some(why) = unasked {
        ui.warn(format_args!("The services are not asked: {why}"))?;
    }
    let findings = examine(&client, &cluster.namespace, &reports, Timestamp::now()).await;
    args.output.show(ui, &findings, |ui, findings| ui.line(lines(findings)))?;
    match findings.iter().filter(|finding| !finding.well).count() {
        0 => Ok(()),
        1 => Err(Failure::new("one fault was found")),
        faults => Err(Failure::new(format!("{faults} faults were found"))),
    }
}

/// A line for each area, and below it what is wrong there.
pub(super) fn lines(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for area in findings.chunk_by(|one, other| one.area == other.area) {
        let faults = area.iter().filter(|finding| !finding.well).collect::<Vec<_>>();
        let name = area.first().map_or("", |finding| finding.area);
        let verdict = if faults.is_empty() { "ok" } else { "FAULT" };
        lines.push(format!("{name:<10} {verdict:<6} {} of {} well", area.len() - faults.len(), area.len()));
        for finding in faults {
            lines.push(format!("  {} {}", finding.subject, finding.says));
            lines.extend(finding.fix.iter().map(|fix| format!("    to mend it: {fix}")));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(area: &'static str, subject: &str, says: &str, fix: Option<&str>) -> Finding {
        let (subject, says) = (subject.to_owned(), says.to_owned());
        Finding { area, subject, well: fix.is_none(), says, fix: fix.map(str::to_owned) }
    }

    #[test]
    fn areas_are_summed_up_and_faults_told() {
        let findings = [
            finding("nodes", "one", "is ready", None),
            finding("nodes", "one, clock", "agrees with this machine's", None),
            finding("secrets", "deis-ca", "is as it should be", None),
            finding("secrets", "deis-admin", "is missing", Some("deisctl init --domain=apps.example.com")),
        ];
        insta::assert_snapshot!(lines(&findings), @r"
        nodes      ok     2 of 2 well
        secrets    FAULT  1 of 2 well
          deis-admin is missing
            to mend it: deisctl init --domain=apps.example.com
        ");
    }
}
