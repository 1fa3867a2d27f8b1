use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deis_api::rest::Autoscale;
use deis_api::{AppName, CommitId, ProcType, ReleaseVersion};
use deis_kube::objects::{Amount, Routing};
use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use secrecy::{ExposeSecret as _, SecretString};

use super::world::{Served, World};
use crate::configs::{Shape, limits, probes};
use crate::images::Pulled;

/// What an app's pods are to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The release that is to serve.
    pub release: ReleaseVersion,
    /// Whether it may yet fail: nobody knows that it serves.
    pub deploying: bool,
    /// Its process types with the replicas that they are to have: as many as were asked for, or as an autoscaler in charge says.
    pub processes: BTreeMap<ProcType, u32>,
    /// How process types are to be scaled when all is done.
    pub autoscale: BTreeMap<ProcType, Autoscale>,
    /// The process types whose number is an autoscaler's, and the release whose controller has it.
    pub autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    /// How many pods are replaced at a time; `None` for the platform's own choice.
    pub batch: Option<u32>,
    /// The uids of pods that are to be replaced in place.
    pub restarting: BTreeSet<String>,
    /// What Kubernetes has refused already: the release serves without it.
    pub refused: BTreeSet<(Extra, ProcType)>,
}

/// What a process type has besides its pods, and can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extra {
    /// A disruption budget.
    Budget,
    /// An autoscaler.
    Autoscaler,
}

impl Goal {
    /// A release that runs nothing.
    #[cfg(test)]
    pub(super) fn of(release: ReleaseVersion) -> Self {
        let (processes, autoscale, autoscaled, restarting, refused) = Default::default();
        Self { release, deploying: false, processes, autoscale, autoscaled, batch: None, restarting, refused }
    }

    /// How a process type is to be scaled. One that is to have no pods is not: an autoscaler leaves that as it is.
    #[must_use]
    pub fn rule(&self, proc_type: &ProcType) -> Option<Autoscale> {
        let is_running = self.processes.get(proc_type).is_some_and(|count| *count > 0);
        self.autoscale.get(proc_type).copied().filter(|_| is_running)
    }

    /// Whether Kubernetes has refused this before.
    #[must_use]
    pub fn is_refused(&self, extra: Extra, proc_type: &ProcType) -> bool {
        self.refused.iter().any(|(refused, kind)| *refused == extra && kind == proc_type)
    }

    /// How many of `replicas` pods are replaced at a time: a quarter, but at least four where there are so many.
    #[must_use]
    pub fn batch(&self, replicas: u32) -> u32 {
        self.batch.unwrap_or_else(|| replicas.div_ceil(4).max(replicas.min(4))).max(1)
    }
}

/// Everything that the ledger says about the release that an app is to run.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The app.
    pub app: AppName,
    /// What the routers are told of it.
    pub routing: Routing,
    /// What is wanted now, if it is not known that the cluster is like that.
    pub unsettled: Option<i64>,
    /// The uids of pods that are to be replaced in place.
    pub restarting: BTreeSet<String>,
    /// Whether its images may run as root.
    pub allow_root: bool,
    /// Whether the app is to be destroyed.
    pub destroying: bool,
    /// The desired release.
    pub release: ReleaseVersion,
    /// Whether its first deploy is still under way: only then can it fail and be replaced by the one before.
    pub deploying: bool,
    /// The image, by digest; `None` for a release without a build, which runs nothing.
    pub image: Option<String>,
    /// The commit the image was built from.
    pub sha: Option<CommitId>,
    /// What is to be run once before.
    pub phase: ReleasePhase,
    /// The process types of the build with the replicas asked for.
    pub processes: BTreeMap<ProcType, u32>,
    /// How process types are to be scaled that are not to have a fixed number of pods.
    pub autoscale: BTreeMap<ProcType, Autoscale>,
    /// The process types whose number is an autoscaler's, and the release whose controller has it: what `processes` says is old then.
    pub autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    /// Process type to command, as the build names them.
    pub procfile: BTreeMap<ProcType, String>,
    /// What an image says about itself that came from elsewhere.
    pub pulled: Option<Pulled>,
    /// How the pods are shaped.
    pub shape: Shape,
    /// The app's environment variables.
    pub values: BTreeMap<String, SecretString>,
    /// The release's summary.
    pub summary: String,
    /// When the release was made.
    pub created: jiff::Timestamp,
}

/// What is to be run once before a release is deployed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReleasePhase {
    /// The build has no such command.
    #[default]
    None,
    /// Its command is to be run.
    ToRun,
    /// It ran to its good end.
    Done,
}

/// The port an app listens on unless its config says otherwise.
const DEFAULT_PORT: u16 = 5000;
/// How long pods may take to become ready while nothing moves.
const DEFAULT_PATIENCE: Duration = Duration::from_secs(120);
/// How long a pod may take to end.
const DEFAULT_GRACE_SECONDS: u32 = 30;

impl Assignment {
    /// What the pods are to look like, as far as the world has a say in it.
    #[must_use]
    pub fn goal(&self, world: &World) -> Goal {
        let processes = if self.image.is_some() { self.counts(world) } else { BTreeMap::new() };
        let batch = self.number("DEIS_DEPLOY_BATCHES").filter(|size| *size > 0);
        Goal {
            release: self.release,
            deploying: self.deploying,
            processes,
            autoscale: self.autoscale.clone(),
            autoscaled: self.autoscaled.clone(),
            batch,
            restarting: self.restarting.clone(),
            refused: BTreeSet::new(),
        }
    }

    /// How many pods each process type is to have: as many as were asked for, or as an autoscaler has set, within its rule.
    #[must_use]
    pub fn counts(&self, world: &World) -> BTreeMap<ProcType, u32> {
        let count = |kind: &ProcType, asked: u32| {
            let Some(rule) = self.autoscale.get(kind).filter(|_| asked > 0) else { return asked };
            let controller = self.autoscaled.get(kind).and_then(|release| world.controller(*release, kind));
            controller.map_or(asked, |controller| controller.replicas).min(rule.max).max(rule.min)
        };
        self.processes.iter().map(|(kind, asked)| (kind.clone(), count(kind, *asked))).collect()
    }

    /// The process type that the Service serves: `web`, else `cmd`.
    #[must_use]
    pub fn served(&self) -> Option<ProcType> {
        [ProcType::web(), ProcType::cmd()].into_iter().find(|served| self.processes.contains_key(served))
    }

    /// The process types that routers serve now.
    #[must_use]
    pub fn routed(&self) -> Served {
        let rules = &self.routing.rules;
        let served = || Served { app: self.served(), paths: rules.services.keys().cloned().collect() };
        rules.routable.then(served).unwrap_or_default()
    }

    /// The port of the served process type; only an image from elsewhere may leave it open.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let set = self.number("PORT").filter(|port| *port != 0);
        set.or_else(|| self.pulled.as_ref().map_or(Some(DEFAULT_PORT), |pulled| pulled.exposed_port))
    }

    /// How long pods may take to become ready while nothing moves; probes that begin late are waited for besides.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let seconds = self.number::<u32>("DEIS_DEPLOY_TIMEOUT").filter(|seconds| *seconds > 0);
        let patience = seconds.map_or(DEFAULT_PATIENCE, |seconds| Duration::from_secs(seconds.into()));
        let readiness = self.processes.keys().filter_map(|kind| self.probe(kind, probes::READINESS));
        let delay = readiness.filter_map(|probe| probe.initial_delay_seconds?.try_into().ok()).max().unwrap_or(0);
        patience.saturating_add(Duration::from_secs(delay))
    }

    /// A probe of the app's own for a process type. One that names no port asks the app's, and nothing where that has none.
    #[must_use]
    pub fn probe(&self, kind: &ProcType, name: &str) -> Option<Probe> {
        let mut probe = probes::probe(&self.shape.healthcheck, kind, name)?;
        if let Some(get) = probe.http_get.as_mut().filter(|get| get.port == IntOrString::Int(0)) {
            get.port = IntOrString::Int(self.port()?.into());
        }
        Some(probe)
    }

    /// How much memory a process type asks for and may have, where the app says so.
    #[must_use]
    pub fn memory(&self, kind: &ProcType) -> Amount {
        self.shape.memory.get(kind).and_then(|limit| limits::memory(limit).ok()).unwrap_or_default()
    }

    /// How much processor time a process type asks for and may have, where the app says so.
    #[must_use]
    pub fn cpu(&self, kind: &ProcType) -> Amount {
        self.shape.cpu.get(kind).and_then(|limit| limits::cpu(limit).ok()).unwrap_or_default()
    }

    /// How long a pod may take to end of whose process type the app says nothing, in seconds.
    fn grace_seconds(&self) -> u32 {
        self.number("KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS").unwrap_or(DEFAULT_GRACE_SECONDS)
    }

    /// How long a pod of a process type may take to end, in seconds.
    #[must_use]
    pub fn grace_seconds_of(&self, kind: &ProcType) -> u32 {
        self.shape.grace_periods.get(kind).copied().unwrap_or_else(|| self.grace_seconds())
    }

    /// For how long pods that leave may be in the way of those that come: as long as any may take to end.
    #[must_use]
    pub fn longest_grace(&self) -> Duration {
        let seconds = self.shape.grace_periods.values().copied().fold(self.grace_seconds(), u32::max);
        Duration::from_secs(seconds.into())
    }

    /// The environment of the release's pods: the platform's variables, then the app's own, which win.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::from([
            ("DEIS_APP".to_owned(), self.app.to_string()),
            ("WORKFLOW_RELEASE".to_owned(), self.release.to_string()),
            ("WORKFLOW_RELEASE_SUMMARY".to_owned(), self.summary.clone()),
            ("WORKFLOW_RELEASE_CREATED_AT".to_owned(), self.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ]);
        environment.extend(self.port().map(|port| ("PORT".to_owned(), port.to_string())));
        environment.extend(self.sha.iter().map(|sha| ("SOURCE_VERSION".to_owned(), sha.to_string())));
        environment.extend(self.values.iter().map(|(key, value)| (key.clone(), value.expose_secret().to_owned())));
        environment
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.values.get(key)?.expose_secret().trim().parse().ok()
    }
}

#[cfg(test)]
impl Assignment {
    /// The first release of an app, being deployed, without processes or anything else that somebody asked for.
    pub(crate) fn bare(app: &str) -> Self {
        Self {
            app: app.parse().unwrap(),
            routing: Routing::default(),
            unsettled: None,
            restarting: BTreeSet::new(),
            allow_root: false,
            destroying: false,
            release: ReleaseVersion::FIRST,
            deploying: true,
            image: Some("i".to_owned()),
            sha: None,
            phase: ReleasePhase::None,
            processes: BTreeMap::new(),
            shape: Shape::default(),
            autoscale: BTreeMap::new(),
            autoscaled: BTreeMap::new(),
            procfile: BTreeMap::new(),
            pulled: None,
            values: BTreeMap::new(),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::world::Controller;

    fn goal(batch: Option<u32>) -> Goal {
        Goal { batch, ..Goal::of(ReleaseVersion::FIRST) }
    }

    #[test]
    fn batches_are_a_quarter_but_at_least_four() {
        for (replicas, batch) in [(0, 1), (1, 1), (3, 3), (5, 4), (10, 4), (16, 4), (17, 5), (100, 25)] {
            assert_eq!(goal(None).batch(replicas), batch, "{replicas}");
        }
        assert_eq!(goal(Some(1)).batch(100), 1);
    }

    fn assignment(values: &[(&str, &str)]) -> Assignment {
        Assignment {
            release: ReleaseVersion::FIRST.next(),
            sha: Some("a".repeat(40).parse().unwrap()),
            processes: BTreeMap::from([("worker".parse().unwrap(), 1), (ProcType::cmd(), 2)]),
            values: values.iter().map(|(key, value)| ((*key).to_owned(), SecretString::from(*value))).collect(),
            summary: "bob deployed aaaaaaa".to_owned(),
            ..Assignment::bare("a")
        }
    }

    #[test]
    fn an_autoscaler_in_charge_says_how_many_within_its_rule() {
        let kind = ProcType::cmd();
        let mut scaled = assignment(&[]);
        scaled.autoscale.insert(kind.clone(), Autoscale { min: 3, max: 8, cpu_percent: 75 });
        let world = |replicas: u32| {
            let seen = deis_kube::apply::Seen {
                name: "a-v2-cmd".to_owned(),
                uid: String::new(),
                resource_version: String::new(),
                fence: 0,
            };
            let (version, pods, proc_type) = (ReleaseVersion::FIRST.next(), Vec::new(), kind.clone());
            let controller = Controller { seen, version, proc_type, replicas, pods, refusal: None };
            World { controllers: vec![controller], ..World::default() }
        };
        let count = |assignment: &Assignment, replicas: u32| assignment.counts(&world(replicas))[&kind];
        assert_eq!(count(&scaled, 7), 3, "as asked for, within the rule: the number is not the autoscaler's");
        scaled.autoscaled.insert(kind.clone(), scaled.release);
        assert_eq!([0, 7, 20].map(|replicas| count(&scaled, replicas)), [3, 7, 8]);
        scaled.processes.insert(kind.clone(), 0);
        assert_eq!(count(&scaled, 7), 0, "it is scaled to nothing");
    }

    #[test]
    fn config_steers_the_platform() {
        let plain = assignment(&[]);
        assert_eq!((plain.port(), plain.patience().as_secs(), plain.grace_seconds()), (Some(5000), 120, 30));
        assert_eq!(plain.goal(&World::default()).batch, None);
        assert_eq!(plain.served(), Some(ProcType::cmd()));
        let set = assignment(&[
            ("PORT", "8080"),
            ("DEIS_DEPLOY_TIMEOUT", "7"),
            ("KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS", "1"),
            ("DEIS_DEPLOY_BATCHES", "1"),
        ]);
        assert_eq!((set.port(), set.patience().as_secs(), set.grace_seconds()), (Some(8080), 7, 1));
        assert_eq!(set.goal(&World::default()).batch, Some(1));
    }

    #[test]
    fn a_process_type_may_have_its_own_time_to_end() {
        let mut slow = assignment(&[("KUBERNETES_POD_TERMINATION_GRACE_PERIOD_SECONDS", "10")]);
        assert_eq!(slow.longest_grace().as_secs(), 10);
        slow.shape.grace_periods = [("worker".parse().unwrap(), 300), (ProcType::web(), 0)].into();
        let of = |kind: &str| slow.grace_seconds_of(&kind.parse().unwrap());
        assert_eq!((of("worker"), of("web"), of("cmd")), (300, 0, 10));
        assert_eq!(slow.longest_grace().as_secs(), 300);
    }

    #[test]
    fn late_probes_get_their_time() {
        let mut late = assignment(&[]);
        let probe = serde_json::json!({ "tcpSocket": { "port": 1 }, "initialDelaySeconds": 40 });
        let probes = BTreeMap::from([("readinessProbe".to_owned(), probe)]);
        late.shape.healthcheck.insert("web/cmd".to_owned(), probes);
        assert_eq!(late.patience().as_secs(), 160);
    }

    #[test]
    fn a_probe_without_a_port_asks_the_apps() {
        let mut old = assignment(&[("PORT", "8080")]);
        let probe = serde_json::json!({ "httpGet": { "path": "/" }, "timeoutSeconds": 5 });
        old.shape.healthcheck.insert("web/cmd".to_owned(), BTreeMap::from([("livenessProbe".to_owned(), probe)]));
        let asks = |assignment: &Assignment| {
            Some(assignment.probe(&ProcType::cmd(), probes::LIVENESS)?.http_get.unwrap().port)
        };
        assert_eq!(asks(&old), Some(IntOrString::Int(8080)));
        old.values.clear();
        old.pulled = Some(Pulled::default());
        assert_eq!(asks(&old), None, "an image from elsewhere without a port has none to ask");
    }

    #[test]
    fn the_apps_own_variables_win() {
        let environment = assignment(&[("DEIS_APP", "mine"), ("POWERED_BY", "Kubernetes")]).environment();
        insta::assert_yaml_snapshot!(environment);
    }
}
