//! What is said in Kubernetes about process types, of whatever release: disruption budgets and autoscalers.

use deis_api::ProcType;

use crate::deploy::effects::{EffectError, Grant};
use crate::deploy::goal::Assignment;
use crate::deploy::world::{Autoscaler, Budget};

use super::kubernetes::{Namespace, Stamped, uid};
use super::ledger::Ledger;
use super::universe::State;

impl State {
    pub(super) fn protect(&mut self, grant: &Grant, kind: &ProcType) -> Result<(), EffectError> {
        let current = self.kubernetes.budgets.get(kind);
        if current.is_some_and(|current| current.value) {
            return Ok(());
        }
        let is_fenced = current.is_some_and(|current| current.fence > grant.fence);
        if is_fenced || self.kubernetes.namespace != Namespace::There {
            return Err(EffectError::Changed);
        }
        let cluster = self.cluster();
        let budget = cluster.stamped(true, grant.fence);
        cluster.budgets.insert(kind.clone(), budget);
        Ok(())
    }

    pub(super) fn unprotect(&mut self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        let Some(current) = self.kubernetes.budgets.get(&budget.proc_type) else { return Ok(()) };
        if budget.seen.fence > grant.fence || !current.is(&budget.seen) {
            return Err(EffectError::Changed);
        }
        self.cluster().budgets.remove(&budget.proc_type);
        Ok(())
    }

    pub(super) fn take_back(&mut self, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        let current = self.kubernetes.autoscalers.get(&autoscaler.proc_type);
        if current.is_some_and(|current| uid(current.uid) == autoscaler.seen.uid) {
            self.cluster().autoscalers.remove(&autoscaler.proc_type);
        }
        Ok(())
    }

    pub(super) fn hand_over(
        &mut self,
        grant: &Grant,
        assignment: &Assignment,
        kind: &ProcType,
    ) -> Result<(), EffectError> {
        let current = self.kubernetes.autoscalers.get(kind);
        let is_fenced = current.is_some_and(|current| current.fence > grant.fence);
        if is_fenced || self.kubernetes.namespace != Namespace::There {
            return Err(EffectError::Changed);
        }
        let before = current.map(|current| current.uid);
        let cluster = self.cluster();
        let made = cluster.stamped((assignment.release, assignment.autoscale[kind]), grant.fence);
        let made = Stamped { uid: before.unwrap_or(made.uid), ..made };
        cluster.autoscalers.insert(kind.clone(), made);
        Ok(())
    }

    /// The autoscaler of web sets another number. One that somebody made who was overtaken is gone before it gets to that.
    pub(super) fn autoscale(&mut self, to: u32) {
        let kind = ProcType::web();
        let Some((release, rule)) = self.kubernetes.autoscalers.get(&kind).map(|autoscaler| autoscaler.value) else {
            return;
        };
        let (key, to) = ((release, kind.clone()), to.min(rule.max).max(rule.min));
        let is_in_charge = self.ledger.autoscaled.get(&kind) == Some(&release);
        let is_running = self.kubernetes.controllers.get(&key).is_some_and(|controller| controller.value > 0);
        if !is_in_charge || !is_running {
            return;
        }
        self.note(|| format!("the autoscaler sets {release} {kind} to {to}"));
        let cluster = self.cluster();
        let number = cluster.number();
        if let Some(controller) = cluster.controllers.get_mut(&key) {
            (controller.value, controller.version) = (to, number);
        }
        // It tells no router whom it takes away, as it knows none.
        let mut pods = cluster.pods.iter().filter(|(_, pod)| pod.key == key).collect::<Vec<_>>();
        pods.sort_by_key(|(number, pod)| (pod.ready, pod.cost, u64::MAX - **number));
        let leaving = pods.len().saturating_sub(to as usize);
        let leaving = pods.iter().take(leaving).map(|(number, _)| **number).collect::<Vec<_>>();
        cluster.pods.retain(|number, _| !leaving.contains(number));
        self.autoscaled_to(kind, to);
    }
}

impl Ledger {
    pub(super) fn hold_count(&mut self, kind: &ProcType, count: Option<u32>) {
        if self.autoscaled.remove(kind).is_some()
            && let Some(count) = count
        {
            self.structure.insert(kind.clone(), count);
        }
    }

    pub(super) fn entrust_count(&mut self, assignment: &Assignment, kind: &ProcType) {
        let is_as_asked = self.structure.get(kind) == assignment.processes.get(kind);
        if is_as_asked && self.autoscale.contains_key(kind) && self.desired == assignment.release {
            self.autoscaled.insert(kind.clone(), assignment.release);
        }
    }
}
