use std::io;
use std::path::PathBuf;
use std::time::Duration;

use deis_api::{AppName, Code, Username};
use deis_rpc::Fault;

use crate::ports::{Access, Held};
use crate::span;
use crate::ssh::KeyError;

/// Why a session or a push did not do what was asked. `Display` is the sentence for the person who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A peer said no, or could not be asked; its sentence is for the user.
    #[error("{}", .0.message)]
    Peer(Fault),
    /// The controller cannot be reached.
    #[error("The controller cannot be reached. Try again in a moment.")]
    ControllerUnreachable,
    /// The state service cannot be reached.
    #[error("The push lock cannot be taken: the state service cannot be reached. Try again in a moment.")]
    StateUnreachable,
    /// The app of a remote is not there.
    #[error("There is no app {0}. Make it with deis create {0}, or correct the remote with git remote set-url.")]
    NoApp(AppName),
    /// The app is somebody else's.
    #[error("You may not {access} {app}. Its owner can give you access with deis perms:create.")]
    NotAllowed { app: AppName, access: Access },
    /// What SSH was asked to run is not git.
    #[error("{0}")]
    Command(&'static str),
    /// A ref that is not built.
    #[error("{0}")]
    Ref(String),
    /// Somebody else is pushing to the same app.
    #[error("{0}")]
    PushInProgress(Held),
    /// The build pod said why it has no image.
    #[error("{message}")]
    Build { code: Code, message: String },
    /// The build pod ended without a word.
    #[error("{message}")]
    Pod { code: Code, message: String },
    /// What the build pod sent is not what it should be.
    #[error("The build pod sent something that is not accepted: {0}.")]
    Protocol(&'static str),
    /// A layer that would not be safe to unpack, or is not what it is said to be.
    #[error("A layer of the image is not accepted: {0}.")]
    Layer(#[source] deis_oci::Error),
    /// The image or the source is bigger than it may be.
    #[error("{what} may have at most {} MiB.", .limit >> 20)]
    TooLarge { what: &'static str, limit: u64 },
    /// The build took too long.
    #[error("The build took longer than it may: {}.", span::human(*.0))]
    TimedOut(Duration),
    /// A git of the person's went on for too long, whatever it was at.
    #[error("The session lasted longer than it may: {}.", span::human(*.0))]
    SessionTooLong(Duration),
    /// The person who pushed is gone, or the builder is about to end, while it builds.
    #[error("The build was cancelled: {0}.")]
    Cancelled(&'static str),
    /// The same before a build has begun, or when it is through.
    #[error("The push was cancelled: {0}.")]
    PushCancelled(&'static str),
    /// Somebody has cancelled the build.
    #[error("Build cancelled by {0}.")]
    CancelledBy(Username),
    /// There is no build to be cancelled.
    #[error("No build of {0} is running.")]
    NoBuild(AppName),
    /// An image from elsewhere cannot become one of ours.
    #[error("{message}")]
    Pull { code: Code, message: String },
    /// The deploy failed after the release was created.
    #[error("{message}")]
    Deploy { code: Code, message: String },
    /// The registry does not take the image.
    #[error("The image cannot be stored in the registry: {0}. Push again in a moment.")]
    Registry(String),
    /// Kubernetes does not do what the build needs.
    #[error("The build pod cannot be started: {0}.")]
    Kubernetes(#[from] deis_kube::Error),
    /// A file or a program of this pod.
    #[error("The builder could not {task}: {source}.")]
    Io { task: &'static str, source: io::Error },
    /// A task of this process broke.
    #[error("The builder broke off: {0}.")]
    Internal(String),
}

impl Error {
    /// The stable code; whether a retry can help follows from it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Peer(fault) => fault.code,
            Self::ControllerUnreachable | Self::StateUnreachable | Self::Registry(_) => Code::Unavailable,
            Self::NotAllowed { .. } => Code::PermissionDenied,
            Self::Command(_) => Code::InvalidArgument,
            Self::Ref(_) => Code::RefNotBuilt,
            Self::PushInProgress(_) => Code::PushInProgress,
            Self::Build { code, .. } | Self::Pod { code, .. } | Self::Pull { code, .. } | Self::Deploy { code, .. } => {
                *code
            }
            Self::Layer(deis_oci::Error::Limit { .. }) | Self::TooLarge { .. } => Code::TooLarge,
            Self::Protocol(_) | Self::Layer(_) => Code::BuildFailed,
            Self::TimedOut(_) => Code::BuildTimedOut,
            Self::SessionTooLong(_) => Code::DeadlineExceeded,
            Self::Cancelled(_) | Self::PushCancelled(_) | Self::CancelledBy(_) => Code::BuildCancelled,
            Self::NoApp(_) | Self::NoBuild(_) => Code::NotFound,
            Self::Kubernetes(error) => error.code(),
            Self::Io { .. } | Self::Internal(_) => Code::Internal,
        }
    }

    pub(crate) fn io(task: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { task, source }
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        let fault = Fault::from(&status);
        // Not a word of the controller's: it was not reached.
        if fault.code == Code::Unavailable { Self::ControllerUnreachable } else { Self::Peer(fault) }
    }
}

impl From<deis_bootstrap::TaskFailed> for Error {
    fn from(failed: deis_bootstrap::TaskFailed) -> Self {
        Self::Internal(failed.to_string())
    }
}

/// The service cannot start, or ended by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error(transparent)]
    Bind(#[from] deis_bootstrap::BindFailed),
    #[error("the certificates cannot be used")]
    Identity(#[from] deis_rpc::IdentityError),
    #[error("the listener for build pods failed")]
    Serve(#[from] deis_rpc::ServeError),
    #[error("no SSH host key can be read in {0}")]
    HostKeys(PathBuf, #[source] Option<KeyError>),
    #[error("the folder {0} cannot be used")]
    Folder(PathBuf, #[source] io::Error),
    #[error("the run image in {0} cannot be used")]
    RunImage(PathBuf, #[source] deis_oci::Error),
    #[error("there is no connection to Kubernetes")]
    Kubernetes(#[source] Box<kube::Error>),
    #[error("the registry's address cannot be used: {0}")]
    Registry(String),
}
