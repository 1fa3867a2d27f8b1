use deis_cli::{Failure, Ui};

use super::{component, installed};
use crate::cluster::ClusterArgs;
use crate::components::Component;
use crate::deadline::TimeoutArgs;
use crate::rollout;

/// Change how many pods a component has, and wait until they are ready.
///
/// The next upgrade sets it back to the chart's value.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which component, and how many pods: router=3.
    #[arg(value_name = "component=number", required = true)]
    targets: Vec<String>,

    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// As the chart's schema bounds it.
const MOST: u16 = 100;

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    // All are looked at before the first is changed.
    let targets = args.targets.iter().map(|text| target(text)).collect::<Result<Vec<_>, _>>()?;
    let client = cluster.client().await?;
    let mut changes = Vec::new();
    for (component, replicas) in targets {
        let counts = installed(&client, &cluster.namespace, component).await?;
        changes.push((component, counts.wanted, replicas));
    }
    for (component, before, replicas) in &changes {
        let label = format!("Scaling {} from {before} to {replicas}... ", component.name);
        let progress = ui.progress(label)?;
        rollout::scale(&client, &cluster.namespace, component, *replicas).await?;
        rollout::follow(&client, &cluster.namespace, component, args.timeout.timeout, &progress).await?;
        progress.done("done")?;
    }
    let values = changes.iter().map(|(component, _, replicas)| format!("--set {}.replicas={replicas}", component.name));
    let values = values.collect::<Vec<_>>().join(" ");
    ui.line("The next `helm upgrade` sets it back to the chart's value. To keep it:")?;
    Ok(ui.line(format_args!("  deisctl upgrade {values}"))?)
}

/// `router=3`, when the component may have three.
fn target(text: &str) -> Result<(&'static Component, u16), Failure> {
    let unread = || Failure::new(format!("Could not parse: {text}")).hint("Write component=number, ex: router=3.");
    let (name, number) = text.split_once('=').ok_or_else(unread)?;
    let component = component(name)?;
    if let Some(why) = single(component.name) {
        return Err(Failure::new(format!("cannot scale {} component", component.name)).hint(why));
    }
    let number = number.parse::<i64>().map_err(|_no_number| unread())?;
    match u16::try_from(number) {
        Ok(replicas @ 1..=MOST) => Ok((component, replicas)),
        _ => Err(Failure::new(format!("{} can have 1 to {MOST} pods, not {number}", component.name))
            .hint("Without a pod of it the platform is broken; `deisctl uninstall` takes the platform away.")),
    }
}

/// Why a component has as many pods as it has.
fn single(component: &str) -> Option<&'static str> {
    Some(match component {
        "registry" => "One pod writes the images, which are on one volume.",
        "database" => "PostgreSQL has one writer; two on one volume would destroy the ledger.",
        "etcd" => "It is a cluster of one member; another member has to be introduced, and not by a number.",
        "logger-redis" => "Redis has one writer, on one volume.",
        "logger" => "One answers for all: followers of a log must meet the lines that the agents hand in.",
        "registry-proxy" | "logger-agent" => "It runs once on every node; add a node.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::{COMPONENTS, Workload};

    #[test]
    fn what_the_chart_allows_several_of_can_be_scaled() {
        let several = COMPONENTS.iter().filter(|component| single(component.name).is_none());
        let several = several.map(|component| (component.name, component.workload)).collect::<Vec<_>>();
        // `rollout::scale` knows Deployments alone.
        assert_eq!(several, ["router", "workflow", "builder", "state"].map(|name| (name, Workload::Deployment)));
        let schema = include_str!("../../../charts/workflow/values.schema.json");
        for (name, _) in several {
            let section = schema.split_once(&format!("\"{name}\": {{")).unwrap().1;
            assert!(section.split_once("\"resources\"").unwrap().0.contains("#/definitions/replicas"), "{name}");
        }
        assert!(schema.contains(r#""replicas": { "type": "integer", "minimum": 1, "maximum": 100 }"#));
    }

    #[test]
    fn a_target_is_a_component_and_a_number() {
        let (component, replicas) = target("deis-router=3").unwrap();
        assert_eq!((component.name, replicas), ("router", 3));
    }
}
