//! What exists, as the plan sees it.

use std::collections::BTreeSet;

use deis_api::rest::Autoscale;
use deis_api::{ProcType, ReleaseVersion};
use deis_kube::apply::Seen;
use deis_kube::objects::Drain;
use jiff::Timestamp;

use super::no_node::NoNode;
use super::phase::Phase;
use super::probe::{Probe, Unhealthy};

/// An app's controllers with their pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Grows with every change that was seen of the app.
    pub generation: u64,
    /// In the order of their names.
    pub controllers: Vec<Controller>,
    /// Pods that run release phases.
    pub phases: Vec<Phase>,
    /// The app's Service, where there is one.
    pub service: Option<Service>,
    /// The disruption budgets of its process types.
    pub budgets: Vec<Budget>,
    /// What sets the replicas of controllers besides us.
    pub autoscalers: Vec<Autoscaler>,
    /// How many pods of processes are on their way out: until they are gone they hold what they have.
    pub leaving: usize,
}

/// The process types that the routers serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// That of the app's Service.
    pub app: Option<ProcType>,
    /// Those that have paths of the app, each by a Service of its own.
    pub paths: BTreeSet<ProcType>,
}

/// The Service that the routers go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The object, for writes on top of it.
    pub seen: Seen,
    /// The pods that the routers are told not to choose any more.
    pub drain: Drain,
}

/// What a node that is drained may take of one process type's pods at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The object, for writes on top of it.
    pub seen: Seen,
    /// The process type.
    pub proc_type: ProcType,
    /// It is what it should be.
    pub is_right: bool,
}

/// A HorizontalPodAutoscaler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// The object, for writes on top of it.
    pub seen: Seen,
    /// The process type.
    pub proc_type: ProcType,
    /// The release whose controller it scales, and how; nothing when it is otherwise than we make one.
    pub scales: Option<(ReleaseVersion, Autoscale)>,
}

/// One ReplicationController.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The object, for writes on top of it.
    pub seen: Seen,
    /// The release it belongs to.
    pub version: ReleaseVersion,
    /// The process type.
    pub proc_type: ProcType,
    /// The replicas it is set to.
    pub replicas: u32,
    /// Its pods that are not on their way out.
    pub pods: Vec<Pod>,
    /// Why Kubernetes refuses to make its pods.
    pub refusal: Option<String>,
}

/// One pod of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Kubernetes counts it as ready.
    pub ready: bool,
    /// A Service selects it: routers choose it as long as it is ready.
    pub routed: bool,
    /// Every live router can choose it; true for pods that no router serves.
    pub reachable: bool,
    /// The routers are told not to choose it any more.
    pub draining: bool,
    /// What keeps it from being ready; of a pod that is ready, why its process was started again.
    pub trouble: Option<Trouble>,
    /// What it has been through, for people.
    pub record: Record,
}

/// What a pod has been through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Since when it is ready, or not.
    pub since: Option<Timestamp>,
    /// How often its process was started again.
    pub restarts: u32,
    /// When its process ended last.
    pub ended: Option<Timestamp>,
    /// The last lines of the process that ended.
    pub last_lines: Vec<String>,
}

/// What keeps a pod from becoming ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The image is not there; the runtime's words.
    ImageMissing(String),
    /// The registry does not let the image be pulled; the runtime's words.
    ImageForbidden(String),
    /// The image's name is none; the kubelet's words.
    ImageInvalid(String),
    /// The image cannot be had for another reason, such as a registry that is out of reach; the runtime's words.
    Image(String),
    /// The container cannot be made; the kubelet's words.
    Container(String),
    /// The process cannot be started; the runtime's words.
    Start(String),
    /// The process ended `times` times, the last time with this exit code.
    Exited {
        /// The last exit code.
        code: i32,
        /// How often.
        times: u32,
        /// For how long it ran the last time, in seconds.
        after: Option<u64>,
    },
    /// The process needed more memory than its limit.
    OutOfMemory,
    /// The kubelet ended the process `times` times because it did not answer the liveness probe.
    Unresponsive {
        /// What it found.
        found: Unhealthy,
        /// How often.
        times: u32,
    },
    /// The process runs, and this probe does not find it as it should be.
    Unready {
        /// The probe that is waited for.
        probe: Probe,
        /// What it found, where the kubelet has told.
        found: Option<Unhealthy>,
    },
    /// No node takes the pod.
    Unschedulable(NoNode),
}

impl World {
    /// The controller of one process type of one release.
    #[must_use]
    pub fn controller(&self, version: ReleaseVersion, proc_type: &ProcType) -> Option<&Controller> {
        self.controllers.iter().find(|controller| controller.version == version && controller.proc_type == *proc_type)
    }

    /// The disruption budget of a process type.
    #[must_use]
    pub fn budget(&self, proc_type: &ProcType) -> Option<&Budget> {
        self.budgets.iter().find(|budget| budget.proc_type == *proc_type)
    }

    /// The autoscaler of a process type.
    #[must_use]
    pub fn autoscaler(&self, proc_type: &ProcType) -> Option<&Autoscaler> {
        self.autoscalers.iter().find(|autoscaler| autoscaler.proc_type == *proc_type)
    }

    /// The epoch of the drain, if it has pods that are there.
    #[must_use]
    pub fn draining(&self) -> Option<i64> {
        let mut pods = self.controllers.iter().flat_map(|controller| &controller.pods);
        self.service.as_ref().filter(|_| pods.any(|pod| pod.draining)).map(|service| service.drain.epoch)
    }
}

impl Served {
    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, proc_type: &ProcType) -> bool {
        self.app.as_ref() == Some(proc_type) || self.paths.contains(proc_type)
    }
}

impl Controller {
    /// How many of its pods take requests or work, but for those that Kubernetes has yet to delete.
    #[must_use]
    pub fn serving(&self) -> u32 {
        count(self.pods.iter().filter(|pod| pod.serves())).min(self.replicas)
    }

    /// How many of its pods Kubernetes has yet to delete.
    #[must_use]
    pub fn excess(&self) -> usize {
        self.pods.len().saturating_sub(usize::try_from(self.replicas).unwrap_or(usize::MAX))
    }

    /// Of how many of its pods the routers are told that they go, but for those that Kubernetes has yet to delete.
    #[must_use]
    pub fn told(&self) -> u32 {
        let excess = u32::try_from(self.excess()).unwrap_or(u32::MAX);
        count(self.pods.iter().filter(|pod| pod.draining)).saturating_sub(excess)
    }

    /// How many of its pods Kubernetes counts as ready.
    #[must_use]
    pub fn ready(&self) -> u32 {
        count(self.pods.iter().filter(|pod| pod.ready))
    }
}

impl Pod {
    /// Whether it takes requests or work.
    #[must_use]
    pub const fn serves(&self) -> bool {
        self.ready && self.reachable && !self.draining
    }

    /// Whether it gets requests unless the routers are told otherwise.
    #[must_use]
    pub const fn gets_requests(&self) -> bool {
        self.ready && self.routed
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
