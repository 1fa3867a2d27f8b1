//! What is wrong with the platform, and what to do about it. Each module looks at one kind of thing; what it makes of the objects
//! that it finds is a pure function.

mod apps;
mod drift;
mod leases;
mod nodes;
mod orphans;
mod parts;
mod secrets;
mod services;
mod versions;
mod volumes;

pub(crate) use self::secrets::domain;
use jiff::Timestamp;
use kube::Client;
use serde::Serialize;

use crate::cluster::KubeError;
use crate::report::Report;

/// What a look at one thing found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Finding {
    /// What kind of thing.
    pub(crate) area: &'static str,
    /// Which of them.
    pub(crate) subject: String,
    pub(crate) well: bool,
    pub(crate) says: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Finding {
    pub(crate) fn well(area: &'static str, subject: impl Into<String>, says: impl Into<String>) -> Self {
        Self { area, subject: subject.into(), well: true, says: says.into(), fix: None }
    }

    pub(crate) fn fault(
        area: &'static str,
        subject: impl Into<String>,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { area, subject: subject.into(), well: false, says: says.into(), fix: Some(fix.into()) }
    }
}

/// Looks at everything. What cannot be looked at is a fault too.
pub(crate) async fn examine(client: &Client, namespace: &str, reports: &[Report], now: Timestamp) -> Vec<Finding> {
    let (nodes, leases, secrets, volumes, services, versions, drift, apps) = futures_util::join!(
        nodes::look(client),
        leases::look(client, namespace),
        secrets::look(client, namespace, now),
        volumes::look(client, namespace),
        services::look(client, namespace),
        versions::look(client, namespace),
        drift::look(client, namespace, now),
        apps::look(client, namespace, now),
    );
    let looks = [
        (nodes::AREA, nodes),
        (leases::AREA, leases),
        (parts::AREA, Ok(parts::findings(namespace, reports))),
        (secrets::AREA, secrets),
        (volumes::AREA, volumes),
        (services::AREA, services),
        (versions::AREA, versions),
        (drift::AREA, drift),
        (apps::AREA, apps),
    ];
    looks.into_iter().flat_map(|(area, look)| look.unwrap_or_else(|error| vec![unseen(area, &error)])).collect()
}

fn unseen(area: &'static str, error: &KubeError) -> Finding {
    Finding::fault(area, "all", format!("cannot be looked at: {error}"), "use an account that may read them")
}
