//! The parts of the platform, as an operator names them.

use std::fmt;

/// What runs a component.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
pub(crate) enum Workload {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// How `status` asks a component's pods how they do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Probe {
    /// It answers no calls, or is one that others make; Kubernetes' own probes must do.
    None,
    /// The gRPC health service on this port, with the operator's certificate.
    Health { port: u16 },
    /// `router.v1` GetStatus.
    Router,
    /// `registry.v1` GetStatus.
    RegistryProxy,
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Component {
    pub(crate) name: &'static str,
    pub(crate) workload: Workload,
    pub(crate) probe: Probe,
    pub(crate) about: &'static str,
}

/// Where all but the builder serve gRPC.
pub(crate) const GRPC_PORT: u16 = 50051;
/// The builder's listener, which is for build pods.
const BUILD_PORT: u16 = 50052;

/// In the order in which a request meets them; the data stores last.
pub(crate) const COMPONENTS: &[Component] = &[
    component("router", Workload::Deployment, Probe::Router, "the edge: HTTP, HTTPS and git"),
    component("workflow", Workload::Deployment, Probe::Health { port: GRPC_PORT }, "the ledger, the API and deploys"),
    component("builder", Workload::Deployment, Probe::Health { port: BUILD_PORT }, "git repositories and builds"),
    component("registry-proxy", Workload::DaemonSet, Probe::RegistryProxy, "the nodes' door to the registry"),
    component("logger", Workload::Deployment, Probe::Health { port: GRPC_PORT }, "the apps' newest log lines"),
    component("logger-agent", Workload::DaemonSet, Probe::None, "reads each node's log lines"),
    component("state", Workload::Deployment, Probe::Health { port: GRPC_PORT }, "locks, leadership and settings"),
    component("registry", Workload::StatefulSet, Probe::None, "the apps' images"),
    component("database", Workload::StatefulSet, Probe::None, "what workflow keeps: PostgreSQL"),
    component("etcd", Workload::StatefulSet, Probe::None, "what state keeps: etcd"),
    component("logger-redis", Workload::StatefulSet, Probe::None, "what logger keeps: Redis"),
];

const fn component(name: &'static str, workload: Workload, probe: Probe, about: &'static str) -> Component {
    Component { name, workload, probe, about }
}

impl Component {
    /// Its name in Kubernetes: workload, label `app`, Service.
    pub(crate) fn object_name(&self) -> String {
        peer_name(self.name)
    }

    /// The labels of its pods.
    pub(crate) fn selector(&self) -> String {
        format!("app={},heritage=deis", self.object_name())
    }
}

/// Finds a component by its name, with or without `deis-` before it.
pub(crate) fn find(name: &str) -> Option<&'static Component> {
    let name = name.strip_prefix("deis-").unwrap_or(name);
    COMPONENTS.iter().find(|component| component.name == name)
}

/// One who has a certificate for the calls inside.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) secret: &'static str,
}

/// All who call or are called over gRPC.
pub(crate) const PEERS: &[Peer] = &[
    Peer { name: "workflow", secret: "deis-workflow-tls" },
    Peer { name: "builder", secret: "deis-builder-tls" },
    Peer { name: "registry-proxy", secret: "deis-registry-proxy-tls" },
    Peer { name: "logger", secret: "deis-logger-tls" },
    Peer { name: "logger-agent", secret: "deis-logger-agent-tls" },
    Peer { name: "router", secret: "deis-router-tls" },
    Peer { name: "state", secret: "deis-state-tls" },
    Peer { name: "operator", secret: OPERATOR_SECRET },
];

/// The certificate of the operators' tools.
pub(crate) const OPERATOR_SECRET: &str = "deis-operator-tls";

/// The name of a peer in DNS and in certificates.
pub(crate) fn peer_name(name: &str) -> String {
    format!("deis-{name}")
}
