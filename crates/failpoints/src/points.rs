use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

/// The failpoints of a process. All clones are the same points.
#[derive(Clone, Debug)]
pub struct Failpoints {
    state: Arc<Mutex<State>>,
    die: fn() -> !,
}

/// Declares failpoints at both sides of effects: a constant with the names of the two for each, and `NAMES` with all of them.
///
/// ```
/// deis_failpoints::sides! {
///     CREATE = "deploy.create",
///     DELETE = "deploy.delete",
/// }
/// assert_eq!(CREATE, ["deploy.create.before", "deploy.create.after"]);
/// assert_eq!(NAMES[..2], CREATE);
/// assert_eq!(NAMES[2..], DELETE);
/// ```
#[macro_export]
macro_rules! sides {
    ($($effect:ident = $name:literal),+ $(,)?) => {
        $(pub(crate) const $effect: [&str; 2] = [concat!($name, ".before"), concat!($name, ".after")];)+
        pub(crate) const NAMES: &[&str] = [$($effect),+].as_flattened();
    };
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
    ///
    /// The process dies by SIGABRT, and not by SIGKILL to itself: the first process of a container does not get signals that it has no
    /// handler for, but the trap that [`std::process::abort`] ends in kills that one, too.
    #[must_use]
    pub fn new(names: &[&'static str]) -> Self {
        Self::with_death(names, || std::process::abort())
    }

    /// As [`new`](Self::new), with another way to die, for tests that hold within their own process what is to die: a panic.
    #[must_use]
    pub fn with_death(names: &[&'static str], die: fn() -> !) -> Self {
        let passed = names.iter().map(|name| (*name, 0)).collect();
        Self { state: Arc::new(Mutex::new(State { passed, armed: None })), die }
    }

    /// Does something between two failpoints, as [`sides!`](crate::sides) declares them.
    pub async fn around<T>(&self, [before, after]: [&'static str; 2], effect: impl Future<Output = T>) -> T {
        self.pass(before);
        let done = effect.await;
        self.pass(after);
        done
    }

    /// The process is at this point. If the point is armed, it dies here and now: no destructor runs, nothing is flushed.
    pub fn pass(&self, name: &str) {
        let mut state = self.state.lock();
        match &mut state.armed {
            Some(armed) if armed.name == name && armed.survives == 0 => {
                tracing::error!(failpoint = name, "dying at a failpoint");
                (self.die)()
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
    pub fn arm(&self, name: &str, survives: u64) -> bool {
        let mut state = self.state.lock();
        let known = state.passed.keys().find(|known| **known == name).copied();
        if let Some(name) = known {
            state.armed = Some(Armed { name, survives });
        }
        known.is_some()
    }

    /// How often each point was passed.
    #[must_use]
    pub fn passed(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().passed.clone()
    }

    /// Has the process live.
    pub fn disarm(&self) {
        self.state.lock().armed = None;
    }

    pub(crate) fn look(&self) -> State {
        self.state.lock().clone()
    }
}
