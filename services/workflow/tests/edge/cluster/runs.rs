//! Commands in the cluster in memory. What one does is what it says: `exit 3` ends so at once, `sleep` runs until the test ends it, `wait for
//! room` never begins, `need an image` has none, `take long` is ended by Kubernetes, `print much` prints more than is read.

use std::time::Duration;

use deis_api::AppName;
use deis_workflow::deploy::cluster::Done;
use deis_workflow::deploy::no_node::NoNode;
use deis_workflow::deploy::world::Trouble;
use deis_workflow::deploy::{Cluster, EffectError};
use deis_workflow::runs::{Connected, Look, OneOff, OneOffs, Output, State};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::TestCluster;

pub(super) struct Run {
    release: String,
    command: String,
    limit: Duration,
    state: State,
}

impl OneOffs for TestCluster {
    fn start<'a>(&'a self, one_off: &'a OneOff) -> Done<'a> {
        self.write(|state| {
            if let Some(words) = &state.refuses_runs {
                return Err(EffectError::Refused(words.clone()));
            }
            let key = (one_off.app().clone(), one_off.pod());
            if state.runs.contains_key(&key) {
                return Err(EffectError::Changed);
            }
            let run = Run {
                release: one_off.assignment.release.to_string(),
                command: one_off.command.clone(),
                limit: one_off.limit,
                state: outcome(&one_off.command),
            };
            state.runs.insert(key, run);
            Ok(())
        })
    }

    fn remove<'a>(&'a self, app: &'a AppName, pod: &'a str) -> Done<'a> {
        self.write(|state| {
            state.runs.remove(&(app.clone(), pod.to_owned()));
            Ok(())
        })
    }

    fn look(&self, app: &AppName, pod: &str) -> Look {
        let generation = *self.generation.borrow();
        let state = self.state.lock().runs.get(&(app.clone(), pod.to_owned())).map(|run| run.state.clone());
        Look { generation, state }
    }

    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()> {
        Cluster::changed(self, app, since, limit)
    }

    fn output<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Result<Output, EffectError>> {
        let state = self.state.lock();
        let command = state.runs[&(app.clone(), pod.to_owned())].command.clone();
        Box::pin(async move { Ok(Output { text: format!("$ {command}\n"), is_cut: command == "print much" }) })
    }

    fn attach<'a>(&'a self, _app: &'a AppName, pod: &'a str, has_terminal: bool) -> Connected<'a> {
        self.connect(pod, Vec::new(), has_terminal)
    }

    fn exec<'a>(&'a self, _app: &'a AppName, pod: &'a str, command: &'a [String], has_terminal: bool) -> Connected<'a> {
        self.connect(pod, command.to_vec(), has_terminal)
    }

    fn idle(&self, now: Timestamp) -> Vec<(AppName, String)> {
        let state = self.state.lock();
        let ended = state.runs.iter().filter(|(_, run)| run.state != State::Running && now == Timestamp::MAX);
        ended.map(|(key, _)| key.clone()).collect()
    }
}

fn outcome(command: &str) -> State {
    match command {
        "sleep" => State::Running,
        "take long" => State::Late,
        "need an image" => State::Waiting(Some(Trouble::ImageMissing("not found".to_owned()))),
        "wait for room" => {
            let no_node = NoNode::parse("0/1 nodes are available: 1 Insufficient memory.");
            State::Waiting(Some(Trouble::Unschedulable(no_node)))
        }
        command => State::Exited(command.strip_prefix("exit ").map_or(0, |code| code.parse().unwrap())),
    }
}

impl TestCluster {
    /// The commands that have a pod: `v2 ls -l 1200 s`.
    pub(crate) fn runs(&self) -> Vec<String> {
        let state = self.state.lock();
        let lines = state.runs.values();
        lines.map(|run| format!("{} {} {} s", run.release, run.command, run.limit.as_secs())).collect()
    }

    /// Whatever runs ends with this exit code.
    pub(crate) fn end_runs(&self, code: i32) {
        self.state.lock().runs.values_mut().for_each(|run| run.state = State::Exited(code));
        self.touch();
    }

    /// Somebody deletes all pods of commands.
    pub(crate) fn delete_runs(&self) {
        self.state.lock().runs.clear();
        self.touch();
    }

    /// No pod of a command is taken from now on, in these words.
    pub(crate) fn refuse_runs(&self, words: &str) {
        self.state.lock().refuses_runs = Some(words.to_owned());
    }
}
