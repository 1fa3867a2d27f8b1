//! What the builder needs of others, in its own words. `clients` and `pods` are the real ones.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use deis_api::{AppName, Code, GitSha, ReleaseVersion, Username};
use deis_bootstrap::deadline;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use secrecy::SecretString;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Error;

/// A call to a peer, with a deadline of its own.
pub type Call<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What a user wants of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// clone and fetch
    Read,
    /// push
    Write,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "push to",
        })
    }
}

/// The controller: who may do what, and what becomes of an image.
pub trait Controller: Send + Sync + 'static {
    /// The user who registered this public key (RFC 4253, section 6.6); none when nobody has.
    fn authenticate(&self, public_key: Vec<u8>) -> Call<'_, Option<Username>>;

    /// Whether the user may do this with this app's repository; the error is a sentence for the user.
    fn authorize(&self, user: Username, app: AppName, access: Access) -> Call<'_, ()>;

    /// The app's config variables.
    fn environment(&self, user: Username, app: AppName) -> Call<'_, HashMap<String, SecretString>>;

    /// Records a build and deploys it; a repeat with the same key joins the first call. `Deployed` or `Failed` is the last event.
    fn create_build(&self, build: NewBuild) -> Call<'_, BoxStream<'static, Result<DeployEvent, Error>>>;

    /// Records a build that has no image, for those who look later; a repeat with the same key changes nothing.
    fn record_failed_build(&self, build: FailedBuild) -> Call<'_, ()>;
}

/// An image to be released.
#[derive(Clone, Debug)]
pub struct NewBuild {
    pub request_key: String,
    pub user: Username,
    pub app: AppName,
    /// By digest, under the name that nodes pull.
    pub image: String,
    pub sha: GitSha,
    /// Process type to command.
    pub processes: HashMap<String, String>,
    /// "Go".
    pub detected: String,
    /// What the person who pushed has read so far, in lines.
    pub log: String,
}

/// A build that failed or was cancelled.
#[derive(Clone, Debug)]
pub struct FailedBuild {
    pub request_key: String,
    pub user: Username,
    pub app: AppName,
    pub sha: GitSha,
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// What the person who pushed has read, in lines.
    pub log: String,
}

/// A step of a deploy.
#[derive(Clone, Debug, PartialEq)]
pub enum DeployEvent {
    ReleaseCreated(ReleaseVersion),
    /// What is being waited for.
    Step(String),
    Deployed(ReleaseVersion),
    Failed {
        code: Code,
        message: String,
        log_tail: Vec<String>,
    },
}

/// Who holds a lock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// Empty when that is not known.
    pub user: String,
    pub since: Option<jiff::Timestamp>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Another git push is ongoing")?;
        if !self.user.is_empty() {
            write!(f, ": {}", self.user)?;
        }
        if let Some(since) = self.since {
            write!(f, ", since {}", since.strftime("%H:%M:%S UTC"))?;
        }
        f.write_str(". Push again when it has ended.")
    }
}

/// How long whoever gives a lock back waits until it is free.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// The push lock of an app. It is given back when this is dropped, and is free a moment later.
#[derive(Debug)]
pub struct Lock {
    /// The lock may be somebody else's by now.
    pub lost: CancellationToken,
    /// Cancelled by the drop.
    release: DropGuard,
    free: CancellationToken,
}

impl Lock {
    /// A lock, and its other side.
    #[must_use]
    pub fn new(lost: CancellationToken) -> (Self, Holding) {
        let (released, free) = (CancellationToken::new(), CancellationToken::new());
        let holding = Holding { released: released.clone(), _free: free.clone().drop_guard() };
        (Self { lost, release: released.drop_guard(), free }, holding)
    }

    /// Gives it back and waits until it is free, so that whoever hears that a push has ended can push again at once. When that takes long
    /// it is free some time later.
    pub async fn give_back(self) {
        let Self { release, free, .. } = self;
        drop(release);
        if let Err(late) = deadline(GIVING_BACK, free.cancelled()).await {
            tracing::warn!(%late, "a push lock is not free yet");
        }
    }
}

/// What keeps a [`Lock`] for whoever has it: the lock is free when this is dropped.
#[derive(Debug)]
pub struct Holding {
    released: CancellationToken,
    _free: DropGuard,
}

impl Holding {
    /// Cancelled when the lock is given back.
    #[must_use]
    pub fn released(&self) -> CancellationToken {
        self.released.clone()
    }
}

/// What came of an attempt at a lock.
pub enum Attempt<'a> {
    Acquired(Lock),
    /// Somebody pushes.
    Held(Held),
    /// Nobody pushes: the builder that took it died.
    Left {
        /// Whose push that was.
        user: String,
        /// When the lock ends by itself at the latest.
        within: Duration,
        /// Takes it then.
        taken: Call<'a, Result<Lock, Held>>,
    },
}

/// What must be agreed on with other builders.
pub trait Locks: Send + Sync + 'static {
    /// Takes the push lock of an app, or says who has it.
    fn acquire(&self, app: AppName, user: Username) -> Call<'_, Attempt<'_>>;

    /// Takes the push lock of an app that is to go, as soon as the push that runs has ended; says who has it when that takes too long.
    fn outlast(&self, app: AppName) -> Call<'_, Result<Lock, Held>>;
}

/// What a push changes by the builder's own hand. The work is given; whoever does it decides what else happens on either side of
/// it, as a process of the tests that ends there.
pub trait Effects: Send + Sync + 'static {
    /// An app without a repository gets one.
    fn make_repository<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        work
    }

    /// An image is stored in the registry, its manifest last.
    fn store_image<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        work
    }

    /// What a build wants cached replaces what was.
    fn save_cache<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        work
    }

    /// Clones begin with the branch that was deployed.
    fn set_head<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        work
    }

    /// git is told that its ref may move, and ends.
    fn move_ref<'a>(&'a self, work: Call<'a, ()>) -> Call<'a, ()> {
        work
    }
}

/// The work, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Direct;

impl Effects for Direct {}

/// A build to be started: the pod connects back with the token.
#[derive(Clone, Debug)]
pub struct Job {
    pub app: AppName,
    pub sha: GitSha,
    pub token: SecretString,
}

/// Starts build pods.
pub trait Runner: Send + Sync + 'static {
    fn start(&self, job: Job) -> Call<'_, Box<dyn Running>>;

    /// Removes the pods of builders that have died.
    fn remove_orphans(&self) -> BoxFuture<'_, Orphans>;
}

/// What there is after orphans were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// Pods of this builder, if any.
    None,
    /// Pods of others, who seem to live, or what could not be found out.
    OfTheLiving,
}

/// A build pod.
pub trait Running: Send {
    /// Waits until the pod has ended or cannot start, and says why. `notice` gets what is worth knowing meanwhile.
    fn ended<'a>(&'a mut self, notice: &'a (dyn Fn(String) + Send + Sync)) -> BoxFuture<'a, Error>;

    /// Removes the pod, whatever it is doing.
    fn remove(&mut self) -> BoxFuture<'_, ()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_pushes_and_since_when() {
        let since = Some("2016-02-20T23:07:35Z".parse().unwrap());
        for (held, text) in [
            (
                Held { user: "jhansen".to_owned(), since },
                "Another git push is ongoing: jhansen, since 23:07:35 UTC. Push again when it has ended.",
            ),
            (Held { user: String::new(), since: None }, "Another git push is ongoing. Push again when it has ended."),
        ] {
            assert_eq!(held.to_string(), text);
        }
    }
}
