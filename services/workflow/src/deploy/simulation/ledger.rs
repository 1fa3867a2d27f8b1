use std::collections::{BTreeMap, BTreeSet};

use deis_api::rest::Autoscale;
use deis_api::{AppName, ProcType, ReleaseVersion};
use deis_kube::objects::{Routing, Rules};
use secrecy::SecretString;

use crate::deploy::effects::{EffectError, Grant};
use crate::deploy::goal::{Assignment, ReleasePhase};
use crate::ledger::ReleaseState;

/// The app's rows.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) exists: bool,
    pub(super) fence: i64,
    pub(super) releases: BTreeMap<ReleaseVersion, Row>,
    pub(super) desired: ReleaseVersion,
    pub(super) structure: BTreeMap<ProcType, u32>,
    /// What users say about how the routers are to serve it.
    pub(super) rules: Rules,
    pub(super) autoscale: BTreeMap<ProcType, Autoscale>,
    pub(super) autoscaled: BTreeMap<ProcType, ReleaseVersion>,
    pub(super) intent: i64,
    pub(super) settled: i64,
    pub(super) restarts: BTreeSet<String>,
    pub(super) destroying: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) state: ReleaseState,
    pub(super) port: u16,
    pub(super) phase: ReleasePhase,
}

impl Ledger {
    /// An app whose first release serves.
    pub(super) fn serving(structure: BTreeMap<ProcType, u32>) -> Self {
        let row = Row { state: ReleaseState::Good, port: 5000, phase: ReleasePhase::None };
        Self {
            exists: true,
            fence: 0,
            releases: BTreeMap::from([(ReleaseVersion::FIRST, row)]),
            desired: ReleaseVersion::FIRST,
            structure,
            rules: Rules::default(),
            autoscale: BTreeMap::new(),
            autoscaled: BTreeMap::new(),
            intent: 0,
            settled: 0,
            restarts: BTreeSet::new(),
            destroying: false,
        }
    }

    pub(super) fn is_deploying(&self) -> bool {
        self.releases.values().any(|row| row.state == ReleaseState::Deploying)
    }

    /// Whether nothing is left to do, as the ledger has it.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.exists || (!self.is_deploying() && self.intent == self.settled && !self.destroying)
    }

    /// What every write of a deploy is bound to.
    pub(super) fn hold(&self, grant: &Grant) -> Result<(), EffectError> {
        let is_newest = self.exists && grant.fence == self.fence;
        if is_newest { Ok(()) } else { Err(EffectError::Fenced(grant.app.clone())) }
    }

    pub(super) fn record(&mut self, port: u16, phase: ReleasePhase) -> ReleaseVersion {
        let version = self.releases.last_key_value().map_or(ReleaseVersion::FIRST, |(version, _)| version.next());
        self.releases.insert(version, Row { state: ReleaseState::Deploying, port, phase });
        self.desired = version;
        version
    }

    pub(super) fn fail(&mut self, release: ReleaseVersion) {
        if let Some(row) = self.releases.get_mut(&release) {
            row.state = ReleaseState::Failed;
        }
        self.desired = self.last_good();
    }

    pub(super) fn last_good(&self) -> ReleaseVersion {
        let good = self.releases.iter().filter(|(_, row)| row.state == ReleaseState::Good);
        good.map(|(version, _)| *version).max().unwrap_or(ReleaseVersion::FIRST)
    }

    pub(super) fn settle(&mut self, intent: i64) {
        self.settled = intent;
        if self.intent == intent {
            self.restarts.clear();
        }
    }

    pub(super) fn assignment(&self, app: &AppName) -> Assignment {
        let row = &self.releases[&self.desired];
        Assignment {
            app: app.clone(),
            routing: Routing { rules: self.rules.clone(), ..Routing::default() },
            unsettled: (self.intent != self.settled).then_some(self.intent),
            restarting: self.restarts.clone(),
            allow_root: false,
            destroying: self.destroying,
            release: self.desired,
            deploying: row.state == ReleaseState::Deploying,
            image: Some("image".to_owned()),
            sha: None,
            phase: row.phase,
            processes: self.structure.clone(),
            autoscale: self.autoscale.clone(),
            autoscaled: self.autoscaled.clone(),
            shape: Default::default(),
            procfile: BTreeMap::new(),
            pulled: None,
            values: BTreeMap::from([("PORT".to_owned(), SecretString::from(row.port.to_string()))]),
            summary: String::new(),
            created: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}
