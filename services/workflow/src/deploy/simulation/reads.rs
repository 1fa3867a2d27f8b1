use std::collections::BTreeSet;
use std::time::Duration;

use deis_api::AppName;

use crate::deploy::effects::{EffectError, Grant, Surroundings};
use crate::deploy::goal::Assignment;
use crate::deploy::world::{Served, World};

use super::process::{Process, number};
use super::universe::At;

impl Surroundings for Process {
    async fn assignment(&self, grant: &Grant) -> Result<Assignment, EffectError> {
        self.stand(At::Reading).await;
        let mut state = self.universe.state();
        let is_down = state.ledger_is_down;
        state.answer(self.id, is_down, |state| {
            state.ledger.hold(grant)?;
            Ok(state.ledger.assignment(&grant.app))
        })
    }

    fn observe(&self, _app: &AppName, served: &Served, reachable: &BTreeSet<String>) -> World {
        self.universe.state().processes[&self.id].view.world(served, reachable)
    }

    async fn changed(&self, _app: &AppName, since: u64, limit: Duration) {
        let until = self.universe.state().now + limit;
        self.stand(At::Waiting { since, until }).await;
    }

    async fn reachable(&self, _app: &AppName, uids: &BTreeSet<String>) -> BTreeSet<String> {
        self.stand(At::Reading).await;
        let mut state = self.universe.state();
        state.tell_routers();
        if state.routers.iter().any(|router| router.is_stuck) {
            state.pass(Duration::from_secs(3));
            return BTreeSet::new();
        }
        let has = |uid: &&String| state.kubernetes.pods.get(&number(uid)).is_some_and(|pod| pod.ready);
        uids.iter().filter(has).cloned().collect()
    }

    async fn drained(&self, _app: &AppName, _epoch: i64) {
        self.stand(At::Reading).await;
        let mut state = self.universe.state();
        state.tell_routers();
        if state.routers.iter().any(|router| router.is_stuck) {
            state.pass(Duration::from_secs(2));
        }
    }

    async fn log_tail(&self, _app: &AppName, _pod: &str) -> Vec<String> {
        Vec::new()
    }

    fn now(&self) -> Duration {
        self.universe.state().now
    }
}
