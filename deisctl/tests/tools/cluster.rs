use std::convert::Infallible;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// No command of these takes longer.
const LIMIT: Duration = Duration::from_secs(60);

type Answer = dyn Fn(&str) -> Option<Value>;

/// An API server: it answers what the test says, lists nothing else, and has no other object.
pub(crate) struct Cluster {
    listener: TcpListener,
    kubeconfig: NamedTempFile,
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

impl Cluster {
    /// `answer` is asked with `GET /api/v1/nodes` for an object or a text.
    pub(crate) async fn new(answer: impl Fn(&str) -> Option<Value> + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut kubeconfig = NamedTempFile::new().unwrap();
        let configuration = json!({
            "clusters": [{ "name": "c", "cluster": { "server": format!("http://{}", listener.local_addr().unwrap()) } }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
            "users": [{ "name": "u", "user": {} }],
            "current-context": "c",
        });
        write!(kubeconfig, "{configuration}").unwrap();
        Self { listener, kubeconfig, answer: Box::new(answer), asked: Mutex::default() }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    /// Serves for as long as the test takes.
    pub(crate) async fn during<T>(&self, test: impl Future<Output = T>) -> T {
        let done = async {
            tokio::select! { () = self.serve() => panic!("it serves on"), done = test => done }
        };
        #[expect(clippy::disallowed_methods, reason = "a test of a command line has no process around it")]
        tokio::time::timeout(LIMIT, done).await.unwrap()
    }

    async fn serve(&self) {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let serve = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(self.respond(&request)));
                    let connection = TokioIo::new(accepted.unwrap().0);
                    connections.push(hyper::server::conn::http1::Builder::new().serve_connection(connection, serve));
                }
                Some(_ended) = connections.next() => {}
            }
        }
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let asked = format!("{} {}", request.method(), request.uri().path());
        self.asked.lock().push(asked.clone());
        let (status, answer) = match (self.answer)(&asked) {
            Some(answer) if answer["kind"] == "Status" => (answer["code"].as_u64().unwrap(), answer),
            Some(answer) => (200, answer),
            None if request.method() == Method::GET && lists(request.uri().path()) => (200, list(&[])),
            None => (404, status(404, &format!("{} is not there", request.uri().path()))),
        };
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
        Response::builder().status(status).header("content-type", "application/json").body(text.into()).unwrap()
    }

    /// The command on this cluster, with nothing of this machine's configuration.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = plain(env!("CARGO_BIN_EXE_deisctl"));
        command.args(line.split_whitespace()).env("KUBECONFIG", self.kubeconfig.path());
        command
    }

    /// What the command says, and how it ends.
    pub(crate) async fn said(&self, line: &str) -> String {
        self.during(async { said(line, &self.command(line).output().await.unwrap()) }).await
    }

    /// What a person sees at a terminal of 40 columns.
    pub(crate) async fn seen_narrow(&self, line: &str) -> String {
        let shell = format!("stty cols 40 rows 24; exec {} {line}", env!("CARGO_BIN_EXE_deisctl"));
        let mut command = plain("script");
        command.args(["-qefc", &shell, "/dev/null"]).env("KUBECONFIG", self.kubeconfig.path()).env("TERM", "dumb");
        let output = self.during(async { command.output().await.unwrap() }).await;
        said(line, &output).replace('\r', "")
    }
}

fn plain(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the tests run the programs that people run")]
    let mut command = Command::new(program);
    command.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn said(line: &str, output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    format!("$ deisctl {line}\n{}--- stderr\n{}--- exit {code}\n", text(&output.stdout), text(&output.stderr))
        .replace(env!("CARGO_PKG_VERSION"), "{version}")
}

/// Reads until a sign comes; gives what was read.
pub(crate) async fn read_until(stream: &mut (impl tokio::io::AsyncRead + Unpin), sign: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(sign) {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "no {sign:?} in {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8(read).unwrap()
}

pub(crate) fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().unwrap().try_into().unwrap()), signal).unwrap();
}

/// `/api/v1/nodes` and `/apis/apps/v1/namespaces/deis/deployments` list; with a name behind, they do not.
fn lists(path: &str) -> bool {
    let rest = path.split('/').skip_while(|part| !is_version(part)).skip(1).collect::<Vec<_>>();
    matches!(rest[..], [_] | ["namespaces", _, _])
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

pub(crate) fn list(items: &[Value]) -> Value {
    json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items })
}

pub(crate) fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": if code == 404 { "NotFound" } else { "" } })
}
