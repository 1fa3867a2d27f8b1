use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

/// The failpoints of a process. All clones are the same points.
#[derive(Clone, Debug)]
pub struct Failpoints {
    state: Arc<Mutex<State>>,
}

/// What people see of the points.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct State {
    /// How often the process has passed each point.
    passed: BTreeMap<&'static str, u64>,
    armed: Option<Armed>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Armed {
    name: &'static str,
    /// How often the process passes before it dies.
    survives: u64,
}

impl Failpoints {
    /// Points of these names, none of them armed.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let passed = names.into_iter().map(|name| (name, 0)).collect();
        Self { state: Arc::new(Mutex::new(State { passed, armed: None })) }
    }

    /// The process is at this point. If the point is armed, it dies here and now: no destructor runs, nothing is flushed.
    ///
    /// By SIGABRT, and not by SIGKILL to itself: the first process of a container does not get signals that it has no handler for, but
    /// the trap that [`std::process::abort`] ends in kills that one, too.
    pub fn pass(&self, name: &str) {
        let mut state = self.state.lock();
        match &mut state.armed {
            Some(armed) if armed.name == name && armed.survives == 0 => {
                tracing::error!(failpoint = name, "dying at a failpoint");
                std::process::abort();
            }
            Some(armed) if armed.name == name => armed.survives -= 1,
            _ => {}
        }
        match state.passed.get_mut(name) {
            Some(count) => *count += 1,
            None => tracing::error!(failpoint = name, "this failpoint is in no list, so nobody can arm it"),
        }
    }

    /// Has the process die when it comes to the point after it has passed it `survives` times; false if there is no such point.
    pub(crate) fn arm(&self, name: &str, survives: u64) -> bool {
        let mut state = self.state.lock();
        let known = state.passed.keys().find(|known| **known == name).copied();
        if let Some(name) = known {
            state.armed = Some(Armed { name, survives });
        }
        known.is_some()
    }

    pub(crate) fn disarm(&self) {
        self.state.lock().armed = None;
    }

    pub(crate) fn look(&self) -> State {
        self.state.lock().clone()
    }
}
