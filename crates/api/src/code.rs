//! The closed set of error codes.

use std::fmt;
use std::str::FromStr;

/// gRPC status codes, as numbered by the gRPC specification ("Status codes and their use in gRPC").
mod grpc {
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const DEADLINE_EXCEEDED: i32 = 4;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const ALREADY_EXISTS: i32 = 6;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const FAILED_PRECONDITION: i32 = 9;
    pub(super) const ABORTED: i32 = 10;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $http:literal, $grpc:ident, $retry:literal;)+) => {
        /// Why something was refused or failed: the part of an error that programs may rely on.
        ///
        /// A code keeps its text, status and meaning for ever. It reaches people in `Deis-Error-Code` (HTTP), `ErrorInfo.reason`
        /// (gRPC), the reason of a Kubernetes Event, and the last line of a failed `git push`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as text: lower-case words joined by hyphens.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The one HTTP status of this code (RFC 9110).
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)+ }
            }

            /// The one gRPC status of this code, as its number.
            #[must_use]
            pub const fn grpc_status(self) -> i32 {
                match self { $(Self::$variant => grpc::$grpc,)+ }
            }

            /// Whether the same call can succeed later without anybody changing anything.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retry,)+ }
            }

            /// What the code means, for the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    // Requests.
    /// A field, argument or name is not of the form it must have.
    InvalidArgument = "invalid-argument", 400, INVALID_ARGUMENT, false;
    /// The body is not the JSON it says it is.
    MalformedBody = "malformed-body", 400, INVALID_ARGUMENT, false;
    /// The body, a header or a field is larger than allowed.
    TooLarge = "too-large", 413, RESOURCE_EXHAUSTED, false;
    /// No credentials were given.
    NotAuthenticated = "not-authenticated", 401, UNAUTHENTICATED, false;
    /// The credentials given are not known.
    InvalidCredentials = "invalid-credentials", 401, UNAUTHENTICATED, false;
    /// The user or service may not do this.
    PermissionDenied = "permission-denied", 403, PERMISSION_DENIED, false;
    /// What was named does not exist.
    NotFound = "not-found", 404, NOT_FOUND, false;
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, INVALID_ARGUMENT, false;
    /// It exists already.
    AlreadyExists = "already-exists", 409, ALREADY_EXISTS, false;
    /// The user owns apps, so his account cannot end.
    StillOwnsApps = "still-owns-apps", 409, FAILED_PRECONDITION, false;
    /// The user owns certificates, so his account cannot end.
    StillOwnsCertificates = "still-owns-certificates", 409, FAILED_PRECONDITION, false;
    /// The call would change nothing.
    NothingChanged = "nothing-changed", 409, FAILED_PRECONDITION, false;
    /// The state of the object does not allow this now.
    FailedPrecondition = "failed-precondition", 400, FAILED_PRECONDITION, false;
    /// What is to be unset is not set.
    NotSet = "not-set", 422, FAILED_PRECONDITION, false;
    /// The Idempotency-Key was given to another request.
    KeyReused = "key-reused", 422, FAILED_PRECONDITION, false;
    /// The first request with this Idempotency-Key is still under way.
    RequestInProgress = "request-in-progress", 409, ABORTED, true;
    /// A limit on number, size or rate is reached.
    LimitReached = "limit-reached", 429, RESOURCE_EXHAUSTED, true;
    /// There were too many attempts with a password, or to register, from the same address.
    TooManyAttempts = "too-many-attempts", 429, RESOURCE_EXHAUSTED, true;
    /// The controller has as much to do as it takes on.
    Overloaded = "overloaded", 503, UNAVAILABLE, true;
    /// A request has too many headers, or they are too long.
    HeadersTooLarge = "headers-too-large", 431, RESOURCE_EXHAUSTED, false;
    /// The path and the query of a request are too long.
    UriTooLong = "uri-too-long", 414, INVALID_ARGUMENT, false;
    /// A part that is needed cannot be reached.
    Unavailable = "unavailable", 503, UNAVAILABLE, true;
    /// No answer came in time.
    DeadlineExceeded = "deadline-exceeded", 504, DEADLINE_EXCEEDED, true;
    /// A defect of the platform; its log says more.
    Internal = "internal", 500, INTERNAL, false;

    // What must be agreed on now.
    /// Another holder has the lock.
    LockHeld = "lock-held", 409, ABORTED, true;
    /// The lease is not there: it ran out or was revoked.
    LeaseGone = "lease-gone", 409, NOT_FOUND, false;
    /// Compare-and-set found another revision.
    RevisionMismatch = "revision-mismatch", 409, ABORTED, false;
    /// A newer holder of the same lock has taken over; nothing more was written.
    Fenced = "fenced", 409, ABORTED, false;

    // Pushes and builds.
    /// This ref is not built: only `master` and `main` are.
    RefNotBuilt = "ref-not-built", 400, FAILED_PRECONDITION, false;
    /// Another push to the same app is under way.
    PushInProgress = "push-in-progress", 409, ABORTED, true;
    /// No buildpack knows what to do with this source.
    NothingDetected = "nothing-detected", 400, FAILED_PRECONDITION, false;
    /// The source archive holds something that is not unpacked.
    SourceRefused = "source-refused", 400, FAILED_PRECONDITION, false;
    /// The Procfile or another file of the source cannot be read.
    SourceInvalid = "source-invalid", 400, FAILED_PRECONDITION, false;
    /// The build before had a Procfile and this one has none, which the platform does not take.
    ProcfileMissing = "procfile-missing", 409, FAILED_PRECONDITION, false;
    /// A buildpack ended with an error.
    BuildFailed = "build-failed", 400, FAILED_PRECONDITION, false;
    /// The build took longer than it may.
    BuildTimedOut = "build-timed-out", 400, DEADLINE_EXCEEDED, false;
    /// The build needed more memory or disk than it may have.
    BuildOutOfRoom = "build-out-of-room", 400, RESOURCE_EXHAUSTED, false;
    /// The build was cancelled before its image was recorded.
    BuildCancelled = "build-cancelled", 409, ABORTED, true;
    /// The buildpack that BUILDPACK_URL names cannot be fetched or cannot be used.
    BuildpackUnavailable = "buildpack-unavailable", 400, FAILED_PRECONDITION, false;

    // Images that were built elsewhere.
    /// The image is for another kind of processor than the platform's nodes have.
    WrongArchitecture = "wrong-architecture", 400, FAILED_PRECONDITION, false;
    /// The image runs as root, which no administrator has allowed this app.
    RootRefused = "root-refused", 400, FAILED_PRECONDITION, false;

    // Apps.
    /// The app is being destroyed; its name is free when that is done.
    BeingDestroyed = "being-destroyed", 409, ABORTED, false;
    /// Something keeps the app's namespace in Kubernetes from going away.
    NamespaceStuck = "namespace-stuck", 503, UNAVAILABLE, true;

    // Deploys.
    /// A deploy of this app is under way.
    DeployInProgress = "deploy-in-progress", 409, ABORTED, true;
    /// The release command of the Procfile ended with an error: nothing was deployed.
    ReleasePhaseFailed = "release-phase-failed", 400, FAILED_PRECONDITION, false;
    /// The image is not there or may not be pulled.
    ImagePullFailed = "image-pull-failed", 400, FAILED_PRECONDITION, false;
    /// The process cannot be started: no such command, or not executable.
    CommandFailed = "command-failed", 400, FAILED_PRECONDITION, false;
    /// The process ends again and again.
    ProcessExited = "process-exited", 400, FAILED_PRECONDITION, false;
    /// The process runs but does not become ready: usually it does not listen on its port.
    NeverReady = "never-ready", 400, FAILED_PRECONDITION, false;
    /// The process runs, but a health check does not find it as it should be.
    ProbeFailed = "probe-failed", 400, FAILED_PRECONDITION, false;
    /// The process needed more memory than its limit.
    OutOfMemory = "out-of-memory", 400, RESOURCE_EXHAUSTED, false;
    /// No node has room for the pod.
    NoRoom = "no-room", 400, RESOURCE_EXHAUSTED, true;
    /// Kubernetes refuses the pod: quota, policy or an invalid specification.
    PodRefused = "pod-refused", 400, FAILED_PRECONDITION, false;

    // What an app is in, as it explains itself.
    /// The app has no build yet: there is nothing to run.
    NoBuild = "no-build", 400, FAILED_PRECONDITION, false;
    /// The app is scaled to 0 processes.
    ScaledToZero = "scaled-to-zero", 503, UNAVAILABLE, false;
    /// A process is not ready yet, within the time that it has.
    Starting = "starting", 503, UNAVAILABLE, true;
    /// What runs cannot be reached: the app has no domain, or not every router has its pods.
    NotRouted = "not-routed", 503, UNAVAILABLE, true;
    /// What was asked for last has been recorded and is being brought about.
    Settling = "settling", 409, ABORTED, true;
    /// What Kubernetes has was changed by somebody else and is being restored.
    Drifted = "drifted", 409, ABORTED, true;

    // The edge.
    /// No app serves this host.
    UnknownHost = "unknown-host", 404, NOT_FOUND, false;
    /// The app has no process that could answer now.
    NoBackend = "no-backend", 503, UNAVAILABLE, true;
    /// The app has as many requests under way as it may.
    BackendBusy = "backend-busy", 503, UNAVAILABLE, true;
    /// The app is in maintenance.
    Maintenance = "maintenance", 503, UNAVAILABLE, true;
    /// The client's address is not on the app's allow list.
    AddressRefused = "address-refused", 403, PERMISSION_DENIED, false;
    /// The headers or the body of a request came too slowly.
    RequestTooSlow = "request-too-slow", 408, DEADLINE_EXCEEDED, true;
    /// The app refused or broke the connection.
    BackendFailed = "backend-failed", 502, UNAVAILABLE, true;
    /// The app did not answer in time.
    BackendTimedOut = "backend-timed-out", 504, DEADLINE_EXCEEDED, true;

    // The registry's door.
    /// Only GET and HEAD of images are served here.
    ReadOnly = "read-only", 405, INVALID_ARGUMENT, false;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not one of the codes, perhaps because the other side is newer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a known error code")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_unique_and_come_back() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{code}");
        }
        assert_eq!("no-such-code".parse::<Code>(), Err(UnknownCode("no-such-code".to_owned())));
    }

    #[test]
    fn the_set_is_what_clients_know() {
        let table = Code::ALL
            .iter()
            .map(|code| format!("{code} {} {} {}", code.http_status(), code.grpc_status(), code.retryable()))
            .collect::<Vec<_>>();
        insta::assert_snapshot!(table.join("\n"));
    }
}
