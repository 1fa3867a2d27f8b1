use std::time::Duration;

use deis_api::AppName;
use deis_kube::names;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Attached, Attendance, Request};
use crate::deploy::cluster::Done;
use crate::deploy::world::Trouble;
use crate::deploy::{Assignment, EffectError};

/// What the last part of a pod's name is made of.
const LETTERS: &[u8; 32] = b"bcdfghjklmnpqrstvwxz2456789aeiou";
/// How many of them.
const SUFFIX: usize = 5;

/// A command with the pod that runs it.
#[derive(Clone)]
pub struct OneOff {
    /// The release that it runs on.
    pub assignment: Assignment,
    /// The app's fence when the command was asked for.
    pub fence: i64,
    /// What tells its pod from others.
    pub suffix: String,
    /// For a shell in the app's container.
    pub command: String,
    /// How long it may take.
    pub limit: Duration,
    /// Who works with it.
    pub attendance: Attendance,
}

impl OneOff {
    /// The same request makes the same name: what came twice is made once.
    pub(super) fn new(assignment: Assignment, fence: i64, request: Request) -> Self {
        let Request { command, limit, key, attendance } = request;
        let digest = Sha256::digest(format!("run/v1/{}/{}", assignment.app, key.as_str()));
        let letter = |byte: &u8| char::from(LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'x'));
        let suffix = digest.iter().take(SUFFIX).map(letter).collect();
        Self { assignment, fence, suffix, command, limit, attendance }
    }

    /// The app.
    #[must_use]
    pub const fn app(&self) -> &AppName {
        &self.assignment.app
    }

    /// The name of its pod: `{app}-run-{5 chars}`.
    #[must_use]
    pub fn pod(&self) -> String {
        names::one_off(self.app(), &self.suffix)
    }
}

/// How the pod of a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not begun; what keeps it from that.
    Waiting(Option<Trouble>),
    /// It runs.
    Running,
    /// It ended with this exit code.
    Exited(i32),
    /// It took longer than it might.
    Late,
    /// It ended without an exit code; why, in Kubernetes' words.
    Lost(String),
}

/// What the watches know of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Grows with every change of the app's world.
    pub generation: u64,
    /// `None` when there is no such pod.
    pub state: Option<State>,
}

/// What a command printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The beginning of it; what is no text is replaced.
    pub text: String,
    /// Whether there is more.
    pub is_cut: bool,
}

/// A connection with a process.
pub type Connected<'a> = BoxFuture<'a, Result<Attached, EffectError>>;

/// The pods of commands: every write that a run makes, and what it reads. Writes go through here alone.
pub trait OneOffs: Send + Sync + 'static {
    /// Creates the pod, and the environment of its release where that is missing. [`EffectError::Changed`] when there is one of this name.
    fn start<'a>(&'a self, one_off: &'a OneOff) -> Done<'a>;
    /// Deletes a pod. One that is gone already is fine.
    fn remove<'a>(&'a self, app: &'a AppName, pod: &'a str) -> Done<'a>;
    /// How a pod is.
    fn look(&self, app: &AppName, pod: &str) -> Look;
    /// Waits until the app's world has a higher generation than `since`, but at most `limit`.
    fn changed<'a>(&'a self, app: &'a AppName, since: u64, limit: Duration) -> BoxFuture<'a, ()>;
    /// What a pod has printed, 1 MiB of it at most.
    fn output<'a>(&'a self, app: &'a AppName, pod: &'a str) -> BoxFuture<'a, Result<Output, EffectError>>;
    /// Connects with the command of a pod that runs.
    fn attach<'a>(&'a self, app: &'a AppName, pod: &'a str, has_terminal: bool) -> Connected<'a>;
    /// Runs one more command in a process's container, with what its image has set up for the process.
    fn exec<'a>(&'a self, app: &'a AppName, pod: &'a str, command: &'a [String], has_terminal: bool) -> Connected<'a>;
    /// The pods that nobody needs any more.
    fn idle(&self, now: Timestamp) -> Vec<(AppName, String)>;
}
