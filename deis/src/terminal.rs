//! The person's own terminal while they work with a command elsewhere: it hands over every key, and is as before afterwards.

use std::future::pending;
use std::io::{self, IsTerminal as _};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use deis_api::session::{Exit, Frame, Order, Size};
use deis_cli::Failure;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::api::{Hearing, Speaking, exit_code};
use crate::app::AppSession;

/// How much of the input is handed over at a time, in bytes.
const PIECE: usize = 16 * 1024;

/// Whether somebody sits at both ends of us.
fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The terminal's size; what most have where it does not say.
fn measure() -> Size {
    let (columns, rows) = size().unwrap_or((80, 24));
    Size { columns, rows }
}

/// The terminal that a command gets: ours, if somebody sits at both ends of us and does not want otherwise.
pub fn offered(is_wanted: bool) -> Option<Size> {
    (is_wanted && is_there()).then(measure)
}

/// Keys come as they are typed, Ctrl-C too, until this is dropped.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _unrestored = disable_raw_mode();
    }
}

/// Runs an order on this machine's terminal, or on its streams without one, and ends as the command ended there.
pub async fn carry_out(session: &AppSession, segments: &[&str], order: &Order) -> Result<(), Failure> {
    let (hearing, speaking) = session.session(segments, order).await?;
    match exit_code(work(hearing, speaking, order.terminal.is_some()).await?)? {
        0 => Ok(()),
        code => Err(Failure::ended(u8::try_from(code).unwrap_or(1))),
    }
}

/// Works with a command until it ends: our input is its input, its output is ours, and so is the size of the terminal, if it has one.
async fn work(hearing: Hearing, speaking: Speaking, has_terminal: bool) -> Result<Exit, Failure> {
    let raw = if has_terminal { Some(Raw::enter()?) } else { None };
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    // Side by side: a command that prints before it reads on must not wait for us, who wait for it.
    let ended = tokio::select! {
        ended = listen(hearing) => ended,
        failure = speak(speaking, has_terminal) => Err(failure),
        // The command ends with us.
        _ = interrupted.recv() => Err(Failure::interrupted("the command was ended")),
        _ = terminated.recv() => Err(Failure::stopped(143, "the command was ended")),
        _ = hung_up.recv() => Err(Failure::stopped(129, "the command was ended")),
    };
    drop(raw);
    ended
}

/// Shows what comes, to the end.
async fn listen(mut hearing: Hearing) -> Result<Exit, Failure> {
    loop {
        match hearing.next().await? {
            Frame::Exit(exit) => return Ok(exit),
            // A terminal that is slow lets the controller wait.
            Frame::Stdout(bytes) => show(io::stdout(), &bytes)?,
            Frame::Stderr(bytes) => show(io::stderr(), &bytes)?,
            Frame::Stdin(_) | Frame::Resize(_) => {}
        }
    }
}

/// Hands over what is typed and how large the terminal is; answers what goes wrong on our side. That the connection breaks is heard by
/// who listens.
async fn speak(mut speaking: Speaking, has_terminal: bool) -> Failure {
    let mut resized = match signal(SignalKind::window_change()) {
        Ok(resized) => resized,
        Err(error) => return error.into(),
    };
    let mut stdin = tokio::io::stdin();
    let mut piece = vec![0; PIECE];
    let mut has_input = true;
    loop {
        let frame = tokio::select! {
            read = stdin.read(&mut piece), if has_input => match read {
                Ok(read) => {
                    has_input = read > 0;
                    Frame::Stdin(piece.get(..read).unwrap_or_default().to_vec())
                }
                Err(error) => return error.into(),
            },
            _ = resized.recv(), if has_terminal => Frame::Resize(measure()),
            else => return pending().await,
        };
        if !speaking.send(&frame).await {
            return pending().await;
        }
    }
}

fn show(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}
