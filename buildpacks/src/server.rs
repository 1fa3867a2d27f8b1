//! The web server of apps that are files: GET and HEAD over HTTP/1.1, behind the platform's router.
//!
//! A thread for each connection, up to a limit; SIGTERM ends it after the requests that are under way.

mod files;
mod request;
mod response;

use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use parking_lot::{Condvar, Mutex};

use self::files::Found;
use self::request::Request;
use self::response::Response;

const MAX_CONNECTIONS: usize = 512;

/// The router closes its idle connections before this, so that it never writes to one that is being closed here.
const IDLE: Duration = Duration::from_secs(120);

/// Longest wait for a client that does not read.
const STALLED: Duration = Duration::from_secs(30);

/// How long requests under way may take after SIGTERM.
const GRACE: Duration = Duration::from_secs(20);

const STACK: usize = 256 * 1024;

/// Serves the files of `folder` on `$PORT` until SIGTERM.
pub(crate) fn main(folder: &str) -> ExitCode {
    match serve(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::complain(&format!("static-server: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &str) -> io::Result<()> {
    let root = Path::new(folder).canonicalize()?;
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(5000);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    log(&format!("serving {folder} on port {}", listener.local_addr()?.port()));

    // Blocked before the threads start, which inherit it: process 1 has no default action for signals.
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block()?;
    let server = Arc::new(Server { root, state: Mutex::default(), changed: Condvar::new() });
    let accepting = Arc::clone(&server);
    start("accept", move || accepting.accept(&listener))?;
    let signal = signals.wait()?;
    log(&format!("ending after {signal}"));
    server.drain();
    Ok(())
}

/// Starts a thread that ends with the process.
fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}

#[derive(Default)]
struct State {
    connections: usize,
    /// Requests that were read and not answered yet.
    busy: usize,
    draining: bool,
}

struct Server {
    root: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

impl Server {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            {
                let mut state = self.state.lock();
                self.changed.wait_while(&mut state, |state| state.connections >= MAX_CONNECTIONS);
                state.connections += 1;
            }
            let Ok((stream, _)) = listener.accept() else {
                self.change(|state| state.connections -= 1);
                continue;
            };
            let server = Arc::clone(self);
            let started = start("connection", move || {
                // A client that goes away is the end of its connection and nothing more.
                drop(server.converse(stream));
                server.change(|state| state.connections -= 1);
            });
            if started.is_err() {
                self.change(|state| state.connections -= 1);
            }
        }
    }

    fn converse(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_write_timeout(Some(STALLED))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let request = Request::read(&mut reader)?;
            let Some(request) = request else { return Ok(()) };
            self.change(|state| state.busy += 1);
            let written = self.answer(&request, &stream);
            self.change(|state| state.busy -= 1);
            if !written? {
                return Ok(());
            }
        }
    }

    /// Answers; whether the connection goes on.
    fn answer(&self, request: &Request, stream: &TcpStream) -> io::Result<bool> {
        let keep = request.keep_alive && !self.state.lock().draining;
        let response = match request.target() {
            Err(status) => Response::error(status),
            Ok(_) if request.method != "GET" && request.method != "HEAD" => Response::error(405),
            Ok(path) => match files::find(&self.root, &path) {
                Found::File(path) => Response::file(200, &path)?,
                Found::Folder => Response::redirect(&request.path_with_slash()),
                Found::Missing(Some(page)) => Response::file(404, &page)?,
                Found::Missing(None) => Response::error(404),
            },
        };
        log(&format!("{} {} {}", request.method, request.path(), response.status));
        response.write(stream, request.method != "HEAD", keep)?;
        Ok(keep)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    fn drain(&self) {
        let mut state = self.state.lock();
        state.draining = true;
        self.changed.wait_while_for(&mut state, |state| state.busy > 0, GRACE);
    }
}

/// A line of the app's log. When nobody reads it, serving goes on.
fn log(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}
