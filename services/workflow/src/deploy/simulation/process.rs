use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use deis_api::{AppName, ProcType, ReleaseVersion};
use deis_kube::objects::Drain;

use crate::deploy::cluster::Demolition;
use crate::deploy::effects::{EffectError, Effects, Grant};
use crate::deploy::failure::Failure;
use crate::deploy::goal::{Assignment, ReleasePhase};
use crate::deploy::phase::PhaseState;
use crate::deploy::reconciler::Footprint;
use crate::deploy::world::{Autoscaler, Budget, Controller, Pod, Service};
use crate::ledger::ReleaseState;

use super::kubernetes::Namespace;
use super::universe::{At, State, Universe};

/// A controller's process, as far as one app is concerned: it stands still before and after everything that it does, and dies when
/// it is dropped there.
pub(super) struct Process {
    pub(super) universe: Universe,
    pub(super) id: usize,
}

impl Process {
    /// Notes what the process may have left; answers what was noted before.
    pub(super) fn footprint(&self, footprint: Footprint) -> Footprint {
        let mut state = self.universe.state();
        let mind = state.processes.get_mut(&self.id);
        mind.map(|mind| std::mem::replace(&mut mind.footprint, footprint)).unwrap_or_default()
    }

    pub(super) async fn stand(&self, at: At) {
        let mut is_there = false;
        poll_fn(|_| {
            let mut state = self.universe.state();
            let Some(mind) = state.processes.get_mut(&self.id) else { return Poll::Pending };
            if !is_there {
                (is_there, mind.at) = (true, at);
                return Poll::Pending;
            }
            // Whoever waits is woken by being put to work.
            if matches!(mind.at, At::Waiting { .. }) {
                return Poll::Pending;
            }
            mind.at = At::Work;
            Poll::Ready(())
        })
        .await;
    }

    async fn call<T>(
        &self,
        name: &'static str,
        is_down: fn(&State) -> bool,
        act: impl FnOnce(&mut State) -> Result<T, EffectError>,
    ) -> Result<T, EffectError> {
        self.stand(At::Before(name)).await;
        let answer = {
            let mut state = self.universe.state();
            let is_down = is_down(&state);
            let answer = state.answer(self.id, is_down, act);
            let id = self.id;
            state.note(|| match &answer {
                Ok(_) => format!("process {id}: {name}"),
                Err(error) => format!("process {id}: {name}: {error}"),
            });
            answer
        };
        self.stand(At::After(name)).await;
        answer
    }

    /// A write to Kubernetes.
    async fn write<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut State) -> Result<T, EffectError>,
    ) -> Result<T, EffectError> {
        self.call(name, |state| state.kubernetes_is_down, act).await
    }

    /// A write to the ledger, which is bound to the fence.
    async fn commit(&self, name: &'static str, grant: &Grant, act: impl FnOnce(&mut State)) -> Result<(), EffectError> {
        let held = |state: &mut State| {
            state.ledger.hold(grant)?;
            act(state);
            Ok(())
        };
        self.call(name, |state| state.ledger_is_down, held).await
    }
}

/// The number in a pod's uid.
pub(super) fn number(uid: &str) -> u64 {
    uid[1..].parse().unwrap()
}

impl Effects for Process {
    async fn begin(&self, app: &AppName) -> Result<Grant, EffectError> {
        let begin = |state: &mut State| {
            if !state.ledger.exists {
                return Err(EffectError::Gone(app.clone()));
            }
            state.ledger.fence += 1;
            Ok(Grant { app: app.clone(), fence: state.ledger.fence })
        };
        self.call("begin", |state| state.ledger_is_down, begin).await
    }

    async fn certify(&self, _grant: &Grant, _assignment: &Assignment) -> Result<(), EffectError> {
        // No domain here has a certificate.
        self.write("certify", |_state| Ok(())).await
    }

    async fn prepare(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.write("prepare", |state| {
            if state.kubernetes.namespace == Namespace::Going {
                return Err(EffectError::Changed);
            }
            if state.kubernetes.namespace == Namespace::Absent || state.kubernetes.service.is_none() {
                state.checker.maker = Some(self.id);
                let cluster = state.cluster();
                cluster.namespace = Namespace::There;
                cluster.service = Some(cluster.stamped(Drain::default(), grant.fence));
            }
            let paths = assignment.routing.rules.services.keys().cloned().collect::<BTreeSet<_>>();
            if state.kubernetes.paths != paths {
                state.cluster().paths = paths;
            }
            if !state.kubernetes.environments.contains_key(&assignment.release) {
                let cluster = state.cluster();
                let environment = cluster.stamped((), grant.fence);
                cluster.environments.insert(assignment.release, environment);
            }
            Ok(())
        })
        .await
    }

    async fn start_phase(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        self.write("start-phase", |state| {
            let is_there = state.kubernetes.phases.contains_key(&assignment.release);
            if is_there || state.kubernetes.namespace != Namespace::There {
                return Err(EffectError::Changed);
            }
            let cluster = state.cluster();
            let phase = cluster.stamped(PhaseState::Running(None), grant.fence);
            cluster.phases.insert(assignment.release, phase);
            Ok(())
        })
        .await
    }

    async fn end_phase(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        self.commit("end-phase", grant, |state| {
            if let Some(row) = state.ledger.releases.get_mut(&release) {
                row.phase = ReleasePhase::Done;
            }
        })
        .await
    }

    async fn create(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.write("create", |state| {
            let key = (assignment.release, proc_type.clone());
            let is_there = state.kubernetes.controllers.contains_key(&key);
            if is_there || state.kubernetes.namespace != Namespace::There {
                return Err(EffectError::Changed);
            }
            let cluster = state.cluster();
            let controller = cluster.stamped(0, grant.fence);
            cluster.controllers.insert(key, controller);
            Ok(())
        })
        .await
    }

    async fn drain(&self, grant: &Grant, service: &Service, drain: &Drain) -> Result<(), EffectError> {
        self.write("drain", |state| {
            let cluster = state.cluster();
            let number = cluster.number();
            let current = cluster.service.as_mut().ok_or(EffectError::Changed)?;
            let fence = current.fence;
            let value = current.update(&service.seen, grant.fence, number)?;
            let is_next = drain.epoch > value.epoch;
            *value = drain.clone();
            state.note(|| format!("fence {}: the routers are told {drain}", grant.fence));
            if !is_next {
                state.violation(format!("an epoch is used again: {drain}"));
            }
            state.check_fence("the Service", fence, grant.fence);
            state.check_capacity("a drain");
            Ok(())
        })
        .await
    }

    async fn resize(
        &self,
        grant: &Grant,
        controller: &Controller,
        to: u32,
        leaving: &[&Pod],
    ) -> Result<(), EffectError> {
        self.write("resize", |state| {
            let cluster = state.cluster();
            for pod in leaving.iter().filter(|_| to > 0) {
                if let Some(pod) = cluster.pods.get_mut(&number(&pod.uid)) {
                    pod.cost = -1000;
                }
            }
            let number = cluster.number();
            let key = (controller.version, controller.proc_type.clone());
            let current = cluster.controllers.get_mut(&key).ok_or(EffectError::Changed)?;
            let before = current.value;
            let (fence, is_same) = (current.fence, current.value == to && current.fence == grant.fence);
            // What changes nothing makes no version.
            let number = if is_same { current.version } else { number };
            *current.update(&controller.seen, grant.fence, number)? = to;
            state.note(|| format!("fence {}: {} {} to {to}", grant.fence, key.0, key.1));
            state.check_fence(&controller.seen.name, fence, grant.fence);
            if before != to && grant.fence == state.ledger.fence && state.ledger.autoscaled.get(&key.1) == Some(&key.0)
            {
                state.violation(format!("the number of {} is an autoscaler's", controller.seen.name));
            }
            Ok(())
        })
        .await
    }

    async fn replace(&self, _grant: &Grant, pods: &[&Pod]) -> Result<(), EffectError> {
        self.write("replace", |state| {
            pods.iter().for_each(|pod| state.take_pod(number(&pod.uid), "being replaced"));
            Ok(())
        })
        .await
    }

    async fn spare(&self, grant: &Grant, pod_uids: &BTreeSet<String>) -> Result<(), EffectError> {
        self.commit("spare", grant, |state| {
            state.ledger.restarts.retain(|uid| !pod_uids.contains(uid));
            state.checker.restarted.retain(|uid| !pod_uids.contains(uid));
        })
        .await
    }

    async fn protect(&self, grant: &Grant, proc_type: &ProcType) -> Result<(), EffectError> {
        self.write("protect", |state| state.protect(grant, proc_type)).await
    }

    async fn unprotect(&self, grant: &Grant, budget: &Budget) -> Result<(), EffectError> {
        self.write("unprotect", |state| state.unprotect(grant, budget)).await
    }

    async fn take_back(&self, _grant: &Grant, autoscaler: &Autoscaler) -> Result<(), EffectError> {
        self.write("take-back", |state| state.take_back(autoscaler)).await
    }

    async fn hold(&self, grant: &Grant, proc_type: &ProcType, count: Option<u32>) -> Result<(), EffectError> {
        self.commit("hold", grant, |state| state.ledger.hold_count(proc_type, count)).await
    }

    async fn entrust(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.commit("entrust", grant, |state| state.ledger.entrust_count(assignment, proc_type)).await
    }

    async fn hand_over(&self, grant: &Grant, assignment: &Assignment, proc_type: &ProcType) -> Result<(), EffectError> {
        self.write("hand-over", |state| state.hand_over(grant, assignment, proc_type)).await
    }

    async fn delete(&self, grant: &Grant, controller: &Controller) -> Result<(), EffectError> {
        self.write("delete", |state| {
            let key = (controller.version, controller.proc_type.clone());
            let Some(current) = state.kubernetes.controllers.get(&key) else { return Ok(()) };
            if controller.seen.fence > grant.fence || !current.is(&controller.seen) {
                return Err(EffectError::Changed);
            }
            let (fence, replicas) = (current.fence, current.value);
            state.cluster().controllers.remove(&key);
            state.check_fence(&controller.seen.name, fence, grant.fence);
            if replicas > 0 {
                state.violation(format!("{} is deleted with {replicas} replicas", controller.seen.name));
            }
            Ok(())
        })
        .await
    }

    async fn tidy(&self, grant: &Grant, assignment: &Assignment) -> Result<(), EffectError> {
        let (id, keep) = (self.id, assignment.release);
        self.write("tidy", |state| {
            let view = state.processes[&id].view.clone();
            let in_use = view.controllers.controllers.keys().map(|(version, _)| *version).chain([keep]);
            let in_use = in_use.collect::<BTreeSet<_>>();
            let idle = state.kubernetes.environments.iter().filter(|(version, _)| !in_use.contains(version));
            let idle = idle.map(|(version, environment)| (*version, environment.fence)).collect::<Vec<_>>();
            for (version, fence) in idle {
                if fence > grant.fence {
                    return Err(EffectError::Changed);
                }
                state.cluster().environments.remove(&version);
            }
            for (version, phase) in &view.pods.phases {
                let is_there = state.kubernetes.phases.get(version).is_some_and(|current| current.uid == phase.uid);
                if is_there && *version != keep && phase.fence <= grant.fence {
                    state.cluster().phases.remove(version);
                }
            }
            Ok(())
        })
        .await
    }

    async fn demolish(&self, _grant: &Grant, limit: Duration) -> Result<Demolition, EffectError> {
        let remains = |state: &State| state.kubernetes.namespace != Namespace::Absent;
        self.write("demolish", |state| {
            if remains(state) {
                state.cluster().namespace = Namespace::Going;
            }
            Ok(())
        })
        .await?;
        let until = self.universe.state().now + limit;
        if remains(&self.universe.state()) {
            self.stand(At::Waiting { since: u64::MAX, until }).await;
        }
        let remains = remains(&self.universe.state());
        Ok(if remains { Demolition::Remains("it is there".to_owned()) } else { Demolition::Gone })
    }

    async fn let_go(&self, _grant: &Grant) -> Result<(), EffectError> {
        let let_go = |state: &mut State| {
            state.has_let_go = true;
            Ok(())
        };
        self.call("let-go", |_| false, let_go).await
    }

    async fn forget(&self, grant: &Grant) -> Result<(), EffectError> {
        self.commit("forget", grant, |state| state.ledger.exists = false).await
    }

    async fn settle(&self, grant: &Grant, intent: i64) -> Result<(), EffectError> {
        self.commit("settle", grant, |state| state.ledger.settle(intent)).await
    }

    async fn succeed(&self, grant: &Grant, release: ReleaseVersion) -> Result<(), EffectError> {
        self.commit("succeed", grant, |state| {
            if let Some(row) = state.ledger.releases.get_mut(&release) {
                row.state = ReleaseState::Good;
            }
        })
        .await
    }

    async fn fail(
        &self,
        grant: &Grant,
        release: ReleaseVersion,
        failure: &Failure,
        _log_tail: &[String],
    ) -> Result<(), EffectError> {
        self.commit("fail", grant, |state| {
            state.ledger.fail(release);
            state.check_failure(release, &failure.message);
        })
        .await
    }
}
