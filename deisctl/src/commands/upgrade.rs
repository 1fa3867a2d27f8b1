use std::ffi::OsString;
use std::time::Duration;

use deis_cli::{Failure, Ui};
use jiff::Timestamp;
use kube::Client;

use super::doctor::lines;
use super::install::{ChartArgs, HelmArgs};
use crate::cluster::{ClusterArgs, KubeError};
use crate::deadline::duration;
use crate::doctor::{self, Finding};
use crate::report;
use crate::upgrade::{ChartFacts, History, Manifest, Rendered, Upgrade, direction, first_to_end, room, text, unserved};

/// Bring the platform to this version, or change its values, and go back if that fails.
///
/// Looks at versions, APIs, certificates, room and all that the doctor looks at, says what will change, runs `helm upgrade` with
/// the values kept, and asks every part and the API. When any of it fails, the platform goes back to the revision that it ran.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    chart: ChartArgs,

    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,

    /// Go on although the look before found faults.
    #[arg(long)]
    despite_faults: bool,

    /// Go to an older version, although no migration of the ledger is taken back.
    #[arg(long)]
    allow_downgrade: bool,

    /// How long the platform may take to get ready, and again on the way back: in seconds or with a unit, 90s, 5m.
    #[arg(long, value_name = "duration", value_parser = duration, default_value = "10m")]
    timeout: Duration,

    #[command(flatten)]
    helm: HelmArgs,
}

/// What is known before anything is done.
struct Plan {
    release: String,
    /// The revision that runs, and its version.
    from: (u32, String),
    /// The newest one, which may have failed.
    newest: u32,
    to: String,
    changes: Option<Vec<String>>,
    findings: Vec<Finding>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let client = cluster.client().await?;
    let folder = tempfile::tempdir()?;
    let chart = args.chart.chart(folder.path())?;
    let timeout = format!("{}s", args.timeout.as_secs().max(1));
    let mut upgrade = args.chart.upgrade(&timeout);
    upgrade.extend([args.helm.release.clone().into(), chart.clone()]);

    let plan = prepare(&args, &chart, &upgrade, &client, cluster).await?;
    ui.line(shown(&plan, &timeout))?;
    let faults = plan.findings.iter().filter(|finding| !finding.well).count();
    if faults > 0 && !args.despite_faults {
        let faults = if faults == 1 { "a fault".to_owned() } else { format!("{faults} faults") };
        return Err(Failure::new(format!("the look before found {faults}; nothing was done"))
            .hint("Mend them, or go on all the same with --despite-faults."));
    }
    if args.dry_run {
        return Ok(());
    }

    let Plan { from, to, newest, .. } = plan;
    Upgrade { helm: &args.helm, client: &client, cluster, timeout, from, to, newest }.run(upgrade, ui).await
}

async fn prepare(
    args: &Args,
    chart: &OsString,
    upgrade: &[OsString],
    client: &Client,
    cluster: &ClusterArgs,
) -> Result<Plan, Failure> {
    let helm = &args.helm;
    let release = helm.release.clone();
    let history = History::read(helm, cluster).await.map_err(|failure| {
        failure.hint("`deisctl install` installs it; `helm list --all-namespaces` shows where it is.")
    })?;
    let Some(running) = history.running() else {
        return Err(Failure::new(format!(
            "no revision of release {release} has ever been up, so there is none to go back to"
        ))
        .hint("deisctl install"));
    };
    if history.is_pending() {
        let back = format!("helm rollback {release} {} --namespace {}", running.revision, cluster.namespace);
        return Err(Failure::new(format!("helm is at work on release {release}, or was killed at it"))
            .hint(format!("When nobody is, end it: {back}")));
    }
    let mut show = text(&["show", "chart"]);
    show.push(chart.clone());
    let facts: ChartFacts = serde_saphyr::from_str(&helm.read(show, cluster).await?)?;
    // The newest revision may be one that failed.
    let revision = running.revision.to_string();
    let old =
        Manifest::read(&helm.read(text(&["get", "manifest", &release, "--revision", &revision]), cluster).await?)?;
    let dry_run = upgrade.iter().cloned().chain(text(&["--dry-run=server", "--output", "json"])).collect();
    let rendered: Rendered = serde_json::from_str(&helm.read(dry_run, cluster).await?)?;
    let new = Manifest::read(&rendered.manifest)?;

    let kubernetes = client.apiserver_version().await.map_err(KubeError::from)?.git_version;
    let mut findings = direction(
        &running.app_version,
        &facts.app_version,
        args.allow_downgrade,
        &kubernetes,
        facts.kube_version.as_deref(),
    );
    findings.extend(unserved(client, "what runs", &old).await?);
    findings.extend(unserved(client, "the new chart", &new).await?);
    let now = Timestamp::now();
    findings.extend(first_to_end(client, &cluster.namespace, now).await?);
    findings.extend(room(client, &cluster.namespace).await?);
    let (reports, _) = report::all(client, &cluster.namespace).await?;
    let doctors = doctor::examine(client, &cluster.namespace, &reports, now).await;
    // What differs from the release, its version among it, is what an upgrade mends.
    findings.extend(doctors.into_iter().filter(|finding| !matches!(finding.area, "versions" | "drift")));
    Ok(Plan {
        changes: old.changes(&new),
        from: (running.revision, running.app_version.clone()),
        newest: history.newest().map_or(running.revision, |newest| newest.revision),
        to: facts.app_version,
        release,
        findings,
    })
}

fn shown(plan: &Plan, timeout: &str) -> String {
    let Plan { release, from: (revision, version), to, changes, findings, .. } = plan;
    let mut text = vec!["The look before:".to_owned(), lines(findings), String::new(), "The plan:".to_owned()];
    text.push(format!("1. helm upgrade of release {release} from revision {revision}, version {version}, to version {to}; values are kept"));
    match changes {
        None => text.push("     no object changes".to_owned()),
        Some(changes) => text.extend(changes.iter().map(|change| format!("     {change}"))),
    }
    text.push(format!("2. wait until every part is ready, at most {timeout}"));
    text.push("3. ask every part and the API".to_owned());
    text.push(format!("If any of it fails: helm rollback to revision {revision}"));
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_was_found_and_what_will_be_done() {
        let plan = Plan {
            release: "deis".to_owned(),
            from: (3, "0.1.0".to_owned()),
            newest: 3,
            to: "0.2.0".to_owned(),
            changes: Some(vec!["change Deployment deis-router".to_owned()]),
            findings: direction("0.1.0", "0.2.0", false, "v1.31.0", Some(">=1.32.0-0")),
        };
        insta::assert_snapshot!(shown(&plan, "600s"));
    }
}
