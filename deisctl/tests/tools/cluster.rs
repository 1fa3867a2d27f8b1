use std::convert::Infallible;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{FuturesUnordered, pending};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::session::{self, Session};

/// No command of these takes longer.
const LIMIT: Duration = Duration::from_secs(60);

type Answer = dyn Fn(&str) -> Option<Value>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An API server: it answers what the test says, lists nothing else, and has no other object. Of a list it gives what is selected; a
/// watch stays open, and nothing changes.
pub(crate) struct Cluster {
    listener: TcpListener,
    kubeconfig: NamedTempFile,
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
}

impl Cluster {
    /// `answer` is asked with `GET /api/v1/nodes` for an object, all objects or a text; for a program in a pod with its words behind the
    /// path, `GET …/pods/x/exec cat /etc/hostname`, and so for a port, `GET …/pods/x/portforward 8000`: see [`Session`].
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
                    connections.push(self.connection(accepted.unwrap().0));
                }
                Some(_ended) = connections.next() => {}
            }
        }
    }

    async fn connection(&self, stream: TcpStream) {
        let session = Mutex::new(None);
        let respond = service_fn(async |mut request: Request<Incoming>| {
            let (response, opened) = self.respond(&mut request);
            *session.lock() = opened;
            Ok::<_, Infallible>(response)
        });
        let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), respond);
        // How a client goes is its own business.
        let _gone = served.with_upgrades().await;
        let opened = session.lock().take();
        if let Some((upgrade, session)) = opened
            && let Ok(upgraded) = upgrade.await
        {
            session.serve(upgraded).await;
        }
    }

    fn respond(&self, request: &mut Request<Incoming>) -> (Response<Body>, Option<(OnUpgrade, Session)>) {
        let uri = request.uri().clone();
        let session = session::wanted(&uri);
        let words = session.as_ref().map(|words| format!(" {words}")).unwrap_or_default();
        let asked = format!("{} {}{words}", request.method(), uri.path());
        self.asked.lock().push(asked.clone());
        let is_list = request.method() == Method::GET && lists(uri.path());
        if is_list && parameters(&uri).iter().any(|(name, value)| name == "watch" && value != "false") {
            let nothing = StreamBody::new(pending::<Result<Frame<Bytes>, Infallible>>());
            return (Response::new(nothing.boxed_unsync()), None);
        }
        let (status, answer) = match (self.answer)(&asked) {
            Some(answer) if answer["kind"] == "Status" => (answer["code"].as_u64().unwrap(), answer),
            Some(said) if session.is_some() => {
                let accepted = session::accepted(request.headers()).body(Body::default()).unwrap();
                return (accepted, Some((hyper::upgrade::on(request), Session::new(&uri, said))));
            }
            Some(answer) if is_list => (200, selected(answer, &uri)),
            Some(answer) => (200, answer),
            None if is_list => (200, list(&[])),
            None => (404, status(404, &format!("{} is not there", uri.path()))),
        };
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let status = StatusCode::from_u16(u16::try_from(status).unwrap()).unwrap();
        let response = Response::builder().status(status).header("content-type", "application/json");
        (response.body(Full::from(text).boxed_unsync()).unwrap(), None)
    }

    /// The command on this cluster, with nothing of this machine's configuration.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = plain(env!("CARGO_BIN_EXE_deisctl"));
        command.args(line.split_whitespace()).env("KUBECONFIG", self.kubeconfig.path());
        command
    }

    /// The same, started by another program: `nohup`.
    pub(crate) fn command_by(&self, starter: &str, line: &str) -> Command {
        let (program, options) = starter.split_once(' ').unwrap_or((starter, ""));
        let mut command = plain(program);
        command.args(options.split_whitespace()).arg(env!("CARGO_BIN_EXE_deisctl")).args(line.split_whitespace());
        command.env("KUBECONFIG", self.kubeconfig.path());
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

/// Of a list, the objects that the query's selectors choose. The tests' objects have no fields to be selected by but their names.
fn selected(mut list: Value, uri: &Uri) -> Value {
    let parameters = parameters(uri);
    let selector = |kind: &str| parameters.iter().find(|(name, _)| name == kind).map(|(_, value)| value.as_str());
    let (labels, fields) =
        (selector("labelSelector").unwrap_or_default(), selector("fieldSelector").unwrap_or_default());
    if let Some(items) = list["items"].as_array_mut() {
        items.retain(|item| {
            let metadata = &item["metadata"];
            let field = |(field, value): (&str, &str)| field != "metadata.name" || metadata["name"] == value;
            let mut fields = fields.split(',').filter_map(|one| one.split_once('='));
            requirements(labels).all(|one| is_met(one, &metadata["labels"])) && fields.all(field)
        });
    }
    list
}

/// Parted by commas, but for those inside `app in (one, other)`.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let parts = selector.split(move |letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn is_met(requirement: &str, labels: &Value) -> bool {
    if let Some((key, values)) = requirement.split_once(" in ") {
        return values.trim_matches(['(', ')']).split(',').any(|value| labels[key] == value.trim());
    }
    match requirement.split_once('=') {
        Some((key, value)) => labels[key] == value,
        None => !labels[requirement].is_null(),
    }
}

/// The query's parameters, decoded (WHATWG URL, `application/x-www-form-urlencoded`).
pub(crate) fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

pub(crate) fn list(items: &[Value]) -> Value {
    json!({ "kind": "List", "apiVersion": "v1", "metadata": { "resourceVersion": "1" }, "items": items })
}

pub(crate) fn status(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": if code == 404 { "NotFound" } else { "" } })
}
