use std::collections::BTreeSet;

use deis_api::{AppName, Code, ProcType};

use crate::deploy::{Deployer, Ending, PodList, PodView};
use crate::error::{Error, Kind};
use crate::ledger::Ledger;

/// Which pods are to be replaced.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Of this process type; of all without one.
    pub proc_type: Option<ProcType>,
    /// This one; all without a name. With exactly two hyphens it lacks the app's name.
    pub name: Option<String>,
}

impl Selection {
    fn selects(&self, app: &AppName, pod: &PodView) -> bool {
        let is_named = |name: &String| {
            let is_short = name.bytes().filter(|byte| *byte == b'-').count() == 2;
            *name == pod.name || (is_short && format!("{app}-{name}") == pod.name)
        };
        self.proc_type.as_ref().is_none_or(|kind| *kind == pod.proc_type) && self.name.as_ref().is_none_or(is_named)
    }
}

/// A restart that is recorded.
#[derive(Clone, Debug)]
pub struct Restart {
    selection: Selection,
    /// All pods that there were.
    before: Vec<PodView>,
    /// Those that are to be replaced.
    pub chosen: Vec<PodView>,
}

/// Records that pods are to be replaced in place. Canaries are left alone.
///
/// # Errors
/// The ledger cannot be reached.
pub async fn restart(
    ledger: &dyn Ledger,
    pods: &dyn PodList,
    deployer: &Deployer,
    app: &AppName,
    selection: Selection,
) -> Result<Restart, Error> {
    let before = pods.pods(app);
    let chosen = before.iter().filter(|pod| !pod.is_canary() && selection.selects(app, pod)).cloned();
    let chosen = chosen.collect::<Vec<_>>();
    if !chosen.is_empty() {
        ledger.restart(app, &uids(&chosen)).await?;
        tracing::info!(%app, "{} pods are restarted", chosen.len());
        deployer.events().record(app, "restart", format!("{} pods are restarted", chosen.len()));
    }
    Ok(Restart { selection, before, chosen })
}

/// Waits until new pods serve in the stead of those to be replaced; answers those that are there then.
///
/// # Errors
/// [`Error::Refused`] when new pods do not come up: then those that were not replaced yet go on serving.
pub async fn restarted(
    pods: &dyn PodList,
    deployer: &Deployer,
    app: &AppName,
    restart: &Restart,
) -> Result<Vec<PodView>, Error> {
    let Restart { selection, before, chosen } = restart;
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    match deployer.converge(app).ended().await {
        Ok(Ending::Settled) => {}
        Ok(Ending::Destroyed) => return Err(Error::Missing(Kind::App)),
        Ok(Ending::Stuck(failure)) => {
            let message = format!("(restart): {} The pods that were not replaced yet go on serving.", failure.message);
            return Err(Error::refused(Code::Unavailable, message));
        }
        Err(error) => return Err(Error::refused(Code::Unavailable, format!("(restart): {error}"))),
    }
    let kinds = chosen.iter().map(|pod| pod.proc_type.clone()).collect::<BTreeSet<_>>();
    let known = before.iter().map(|pod| pod.uid.as_str()).collect::<BTreeSet<_>>();
    let replaced = uids(chosen);
    let mut after = pods.pods(app);
    // Of a single pod, what has taken its place.
    after.retain(|pod| {
        let is_new = !known.contains(pod.uid.as_str());
        kinds.contains(&pod.proc_type) && !replaced.contains(&pod.uid) && (selection.name.is_none() || is_new)
    });
    Ok(after)
}

fn uids(pods: &[PodView]) -> Vec<String> {
    pods.iter().map(|pod| pod.uid.clone()).collect()
}
