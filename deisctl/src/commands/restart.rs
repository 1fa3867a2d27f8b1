use std::time::Duration;

use deis_cli::{Failure, Ui};
use jiff::Timestamp;
use kube::Client;

use super::{component, installed};
use crate::cluster::ClusterArgs;
use crate::components::{COMPONENTS, Component, Workload};
use crate::deadline::TimeoutArgs;
use crate::rollout;

/// Replace the pods of components: of all that are named at the same time.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

/// What both ways of restarting take.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Whose pods; `platform` is all components, one after another: the data stores first, the router last.
    #[arg(value_name = "component", required = true)]
    components: Vec<String>,

    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// All components.
const PLATFORM: &str = "platform";

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    restart(args.which, Pace::Together, cluster, ui).await
}

/// Whether one component waits for the one before.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Pace {
    Together,
    OneByOne,
}

/// Replaces pods. Within a component Kubernetes always goes pod by pod.
pub(super) async fn restart(which: Which, pace: Pace, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let (components, pace) = chosen(&which.components, pace)?;
    let client = cluster.client().await?;
    let mut parts = Vec::new();
    for component in components {
        let counts = installed(&client, &cluster.namespace, component).await?;
        parts.push((component, counts.wanted));
    }
    let now = Timestamp::now();
    let restarts = Restarts { client, namespace: &cluster.namespace, limit: which.timeout.timeout };
    if pace == Pace::Together {
        for (component, _) in &parts {
            rollout::restart(&restarts.client, restarts.namespace, component, now).await?;
        }
    }
    for (component, pods) in parts {
        ui.line(format_args!("{}: {}", component.name, way(component.workload, pods)))?;
        restarts.one(component, (pace == Pace::OneByOne).then_some(now), ui).await?;
    }
    Ok(())
}

struct Restarts<'a> {
    client: Client,
    namespace: &'a str,
    limit: Duration,
}

impl Restarts<'_> {
    /// Waits for one component, which is restarted `at` unless that has been done.
    async fn one(&self, component: &Component, at: Option<Timestamp>, ui: &mut Ui) -> Result<(), Failure> {
        let progress = ui.progress(format!("Restarting {}... ", component.name))?;
        if let Some(now) = at {
            rollout::restart(&self.client, self.namespace, component, now).await?;
        }
        rollout::follow(&self.client, self.namespace, component, self.limit, &progress).await?;
        Ok(progress.done("done")?)
    }
}

/// The components that are named, without doubles; all are named by `platform`, which is never restarted all at once.
fn chosen(names: &[String], pace: Pace) -> Result<(Vec<&'static Component>, Pace), Failure> {
    if names.iter().any(|name| name == PLATFORM) {
        // Another name beside it must be one all the same.
        for name in names.iter().filter(|name| *name != PLATFORM) {
            component(name)?;
        }
        return Ok((COMPONENTS.iter().rev().collect(), Pace::OneByOne));
    }
    let mut components: Vec<&Component> = Vec::new();
    for name in names {
        let component = component(name)?;
        if components.iter().all(|other| other.name != component.name) {
            components.push(component);
        }
    }
    Ok((components, pace))
}

/// How Kubernetes replaces the pods of such a workload, by the chart's settings.
fn way(workload: Workload, pods: i32) -> String {
    match (workload, pods) {
        (Workload::Deployment, 1) => "a new pod is ready before the old one ends.".to_owned(),
        (Workload::Deployment, _) => {
            format!("{pods} pods, one after another; a new one is ready before an old one ends.")
        }
        (Workload::StatefulSet, _) => {
            "its pod ends before the new one starts; what needs it waits meanwhile.".to_owned()
        }
        (Workload::DaemonSet, 1) => "the node's pod ends before its new one starts.".to_owned(),
        (Workload::DaemonSet, _) => {
            format!("{pods} nodes, one after another; a node's pod ends before its new one starts.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Vec<&'static str> {
        let given = given.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        chosen(&given, Pace::Together).unwrap().0.iter().map(|component| component.name).collect()
    }

    #[test]
    fn the_platform_is_restarted_from_its_stores_to_its_edge() {
        let order = names(&["platform"]);
        let at = |name| order.iter().position(|other| *other == name).unwrap();
        assert_eq!(order.len(), COMPONENTS.len());
        assert!(at("etcd") < at("state") && at("database") < at("workflow") && at("registry") < at("builder"));
        assert_eq!(order.last(), Some(&"router"));
        assert!(chosen(&["platform".to_owned()], Pace::Together).unwrap().1 == Pace::OneByOne);
    }

    #[test]
    fn nothing_is_restarted_twice() {
        assert_eq!(names(&["state", "deis-state", "router"]), ["state", "router"]);
        assert!(chosen(&["platform".to_owned(), "ruoter".to_owned()], Pace::Together).is_err());
    }
}
