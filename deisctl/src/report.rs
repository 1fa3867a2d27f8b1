//! How the components do: Kubernetes' word, and the pods' own.

use deis_api::causes;
use futures_util::future::{join_all, try_join_all};
use kube::Client;
use serde::Serialize;

use crate::components::{COMPONENTS, Component};
use crate::forward::Forwarder;
use crate::inventory::{InventoryError, PodStanding, Standing, look};
use crate::probe::{self, Answer};

/// A component as it stands, and what its pods say.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) up: bool,
    #[serde(flatten)]
    pub(crate) standing: Standing<Asked>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Asked {
    #[serde(flatten)]
    pub(crate) pod: PodStanding,
    /// `None` when it was not asked.
    pub(crate) answer: Option<Answer>,
}

/// Looks at all components: see [`make`].
pub(crate) async fn all(client: &Client, namespace: &str) -> Result<(Vec<Report>, Option<String>), InventoryError> {
    make(client, namespace, &COMPONENTS.iter().collect::<Vec<_>>()).await
}

/// Looks at components and asks their pods; the second answer says why nobody was asked, if so.
pub(crate) async fn make(
    client: &Client,
    namespace: &str,
    components: &[&'static Component],
) -> Result<(Vec<Report>, Option<String>), InventoryError> {
    let standings = try_join_all(components.iter().map(|component| look(client, namespace, component))).await?;
    let (forwarder, unasked) = match Forwarder::load(client.clone(), namespace).await {
        Ok(forwarder) => (Some(forwarder), None),
        Err(error) => (None, Some(causes(&error))),
    };
    let reports = standings.into_iter().zip(components);
    let reports = reports.map(|(standing, component)| report(standing, component, forwarder.as_ref()));
    Ok((join_all(reports).await, unasked))
}

async fn report(standing: Standing<PodStanding>, component: &Component, forwarder: Option<&Forwarder>) -> Report {
    let ask = async |pod: PodStanding| {
        let answer = match forwarder {
            Some(forwarder) if pod.serves() => probe::ask(forwarder, component, &pod.name).await,
            _ => None,
        };
        Asked { pod, answer }
    };
    let Standing { component, kind, workload, pods } = standing;
    let pods = join_all(pods.into_iter().map(ask)).await;
    Report::new(Standing { component, kind, workload, pods })
}

impl Report {
    /// A component is up when Kubernetes says so and none of its pods complains.
    pub(crate) fn new(standing: Standing<Asked>) -> Self {
        let well = standing.pods.iter().filter_map(|asked| asked.answer.as_ref()).all(|answer| answer.well);
        Self { up: standing.is_up() && well, standing }
    }
}
