//! A session: from the command line of a git client to its exit status.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deis_api::{AppName, Code, Username};
use deis_bootstrap::deadline;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::Error;
use crate::git::{Command, GitChild, Repositories, Verb, error_line};
use crate::hook::HookSocket;
use crate::ports::{Attempt, Controller, Lock, Locks};
use crate::push::{DESTROYED, Ends, Push, Pushes};
use crate::ssh::{self, Exchange, Output, Request};

/// Serves what authenticated clients ask for.
pub(crate) struct Sessions {
    pub(crate) controller: Arc<dyn Controller>,
    pub(crate) locks: Arc<dyn Locks>,
    pub(crate) repositories: Repositories,
    pub(crate) pushes: Arc<Pushes>,
    /// How many bytes a push may send.
    pub(crate) max_push_bytes: u64,
    /// How long one session may last.
    pub(crate) limit: Duration,
}

impl ssh::Service for Sessions {
    fn authenticate(&self, public_key: Vec<u8>) -> BoxFuture<'_, Result<Option<Username>, Error>> {
        self.controller.authenticate(public_key)
    }

    fn serve(&self, exchange: Exchange) -> BoxFuture<'_, u32> {
        self.run(exchange).boxed()
    }
}

impl Sessions {
    async fn run(&self, exchange: Exchange) -> u32 {
        let output = exchange.output.clone();
        let command = match &exchange.request {
            Request::Command(line) => Command::parse(line),
            Request::Shell => Err(Error::Command("There is no shell here. To deploy: git push deis master")),
        };
        let command = match command {
            Ok(command) => command,
            Err(error) => {
                output.write_error(Bytes::from(format!("{error} ({})\n", error.code()))).await;
                return 1;
            }
        };
        let span = tracing::info_span!("git", app = %command.app, verb = ?command.verb);
        match self.serve_git(command, exchange).instrument(span).await {
            Ok(status) => status,
            Err(error) => {
                tracing::info!(code = %error.code(), %error, "refused");
                output.write(error_line(&format!("{error} ({})", error.code())).into()).await;
                1
            }
        }
    }

    /// Nothing of what the client sends is read before it is known that it may.
    async fn serve_git(&self, command: Command, mut exchange: Exchange) -> Result<u32, Error> {
        let user = std::mem::replace(&mut exchange.user, Err(Error::ControllerUnreachable))?;
        let authorized = self.controller.authorize(user.clone(), command.app.clone(), command.verb.access()).await;
        authorized.map_err(|error| refusal(error, &command))?;
        match command.verb {
            Verb::UploadPack => {
                let repository = self.repositories.open(&command.app).await?;
                let child = repository.upload_pack().map_err(Error::io("start git"))?;
                Ok(self.connect(child, exchange).await?.status)
            }
            Verb::ReceivePack => self.receive(user, command, exchange).await,
        }
    }

    async fn receive(&self, user: Username, command: Command, exchange: Exchange) -> Result<u32, Error> {
        let lock = self.lock(&command.app, &user, &exchange).await?;
        let presence = self.pushes.running_pushes.enter(&command.app);
        self.pushes.builds.effects.make_repository(self.repositories.make(&command.app).boxed()).await?;
        let repository = self.repositories.open(&command.app).await?;
        let claim = repository.claim()?;
        // What a git left that ended in the middle would let this push be deployed, and its ref not be moved.
        repository.sweep(&claim).map_err(Error::io("clean up the repository"))?;
        let socket = HookSocket::bind(self.pushes.sockets())?;
        let child = repository.receive_pack(socket.path()).map_err(Error::io("start git"))?;

        let ends = Ends { lock_lost: lock.lost.clone(), gone: exchange.gone.clone(), destroyed: presence.destroyed() };
        let push = Push::new(command.app, user, repository.clone(), ends);
        // git may be gone before the push is: a deploy that has begun goes on, and a build pod is removed in any case.
        let (git_ended, unwanted) = (CancellationToken::new(), CancellationToken::new());
        let push = self.pushes.start(push, socket, git_ended.clone(), unwanted.clone());
        let git_ended = git_ended.drop_guard();
        let output = exchange.output.clone();
        let ended = tokio::select! {
            ended = self.connect(child, exchange) => ended,
            () = unwanted.cancelled() => Err(Error::PushCancelled(DESTROYED)),
        };
        drop(git_ended);
        let was_asked = push.await?;
        if ended.is_err()
            && let Err(error) = repository.sweep(&claim)
        {
            // git was killed; the next push cleans up.
            tracing::warn!(%error, "what a git that was killed left behind stays");
        }
        // Only now has git moved its refs. The lock is the last: whoever takes it finds nothing of this push.
        drop((presence, claim));
        lock.give_back().await;
        let Ended { status, received } = ended?;
        if !was_asked && received > self.max_push_bytes {
            // git has said so, too, but neither how much may be sent nor how to go on.
            let error = Error::TooLarge { what: "What a push sends", limit: self.max_push_bytes };
            output.write_error(Bytes::from(format!(" !     {error} ({})\n", error.code()))).await;
        }
        Ok(status)
    }

    /// Takes the push lock. Waits for one that a builder has left that died: whoever pushes does not pay for its death.
    async fn lock(&self, app: &AppName, user: &Username, exchange: &Exchange) -> Result<Lock, Error> {
        let (whose, within, taken) = match self.locks.acquire(app.clone(), user.clone()).await? {
            Attempt::Acquired(lock) => return Ok(lock),
            Attempt::Held(held) => return Err(Error::PushInProgress(held)),
            Attempt::Left { user, within, taken } => (user, within.as_secs(), taken),
        };
        tracing::info!(user = whose, "waiting for the push lock of a builder that died");
        // git has not begun: what it prints as it comes is SSH's own standard error.
        let say = async |line: String| exchange.output.write_error(Bytes::from(line)).await;
        say(format!(
            "The builder was restarted during a push of {whose}; waiting until its lock ends, at most {within} s.\n"
        ))
        .await;
        let lock = tokio::select! {
            lock = taken => lock?.map_err(Error::PushInProgress)?,
            () = exchange.gone.cancelled() => return Err(Error::PushCancelled("the one who pushed is gone")),
            () = self.pushes.grace_ends() => {
                return Err(Error::PushCancelled("the builder is restarting; push again in a moment"));
            }
        };
        say("The lock has ended; the push goes on.\n".to_owned()).await;
        Ok(lock)
    }

    /// Connects a client with git until git has ended.
    async fn connect(&self, child: GitChild, exchange: Exchange) -> Result<Ended, Error> {
        deadline(self.limit, pump(child, exchange))
            .await
            .map_err(|_late| Error::SessionTooLong(self.limit))?
            .map_err(Error::io("talk to git"))
    }
}

/// The controller's answer, in the words of somebody who uses git.
fn refusal(error: Error, command: &Command) -> Error {
    let app = command.app.clone();
    match error.code() {
        Code::NotFound => Error::NoApp(app),
        Code::PermissionDenied => Error::NotAllowed { app, access: command.verb.access() },
        _ => error,
    }
}

/// How git has ended.
struct Ended {
    status: u32,
    /// How many bytes the client has sent.
    received: u64,
}

async fn pump(mut child: GitChild, mut exchange: Exchange) -> std::io::Result<Ended> {
    let (stdin, stdout, stderr) = child.pipes();
    let received = AtomicU64::new(0);
    let input = async {
        let Some(mut stdin) = stdin else { return };
        while let Some(bytes) = exchange.input.recv().await {
            received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if stdin.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let output = &exchange.output;
    let outputs = async { tokio::join!(copy(stdout, output, false), copy(stderr, output, true)) };
    tokio::select! {
        (one, other) = outputs => one.and(other)?,
        never = async { input.await; std::future::pending().await } => never,
    }
    Ok(Ended { status: child.wait().await?, received: received.into_inner() })
}

/// Reads to the end, also when nobody is there to get it: git must not be ended by a broken pipe in the middle of its work.
async fn copy(stream: Option<impl AsyncRead + Unpin>, output: &Output, is_error: bool) -> std::io::Result<()> {
    let Some(mut stream) = stream else { return Ok(()) };
    let mut buffer = bytes::BytesMut::new();
    loop {
        buffer.reserve(32 * 1024);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let bytes = buffer.split().freeze();
        if is_error { output.write_error(bytes).await } else { output.write(bytes).await }
    }
}
