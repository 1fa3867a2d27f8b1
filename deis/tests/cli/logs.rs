use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::stub::{Answer, StubBuilder};
use crate::transcript::Machine;

const LOGS: &str = "GET /v2/apps/earthy-instinct/logs";

fn told(status: u16, body: &str) -> StubBuilder {
    StubBuilder::new().answer(LOGS, Answer { status, body: body.to_owned(), code: None })
}

#[test]
fn lines_are_shown_as_they_come() {
    let lines = "earthy-instinct-v4-web-ppog6 -- 2016/02/20 23:18:03 10.2.62.0 GET /\n\
                 deis[controller] -- bob deployed 060da68\n\
                 earthy-instinct-v4-web-ilcwj -- \u{1b}]0;not a title\u{7}\n";
    insta::assert_snapshot!(
        Machine::logged_in(told(200, lines))
            .run_all(&["logs -a earthy-instinct", "apps:logs -a earthy-instinct -n 2 --process web --since 10m",])
    );
}

#[test]
fn it_has_help() {
    insta::assert_snapshot!(Machine::usual().run("logs --help"));
}

#[test]
fn what_is_wrong_is_told() {
    let no_app = Answer::new(404, json!("No App matches the given query.")).code("not-found");
    let away = Answer::new(503, json!({"detail": "Service temporarily unavailable, try again later."}));
    let since = Answer::new(400, json!({"since": ["It is a time such as 2016-02-20T23:18:03Z."]}));
    let answers = [
        (told(204, ""), "logs -a earthy-instinct"),
        (told(204, ""), "logs -a earthy-instinct --process worker"),
        (StubBuilder::new().answer(LOGS, no_app), "logs -a earthy-instinct"),
        (StubBuilder::new().answer(LOGS, away.code("unavailable")), "logs -a earthy-instinct"),
        (StubBuilder::new().answer(LOGS, since.code("invalid-argument")), "logs -a earthy-instinct --since yesterday"),
        (told(200, "a -- b\n"), "logs -a earthy-instinct --follow"),
        (told(200, ""), "logs -a earthy-instinct -n 0"),
    ];
    insta::assert_snapshot!(answers.map(|(stub, line)| Machine::logged_in(stub).run(line)).concat());
}

/// What a controller does with one request.
pub enum Act {
    /// These objects, then the end.
    End(Vec<Value>),
    /// These objects, then nothing more until the client goes away.
    Hang(Vec<Value>),
    Refuse(StatusCode),
}

/// A controller that streams.
pub struct Streaming {
    pub address: SocketAddr,
    pub asked: Receiver<String>,
    _runtime: Runtime,
}

struct Plan {
    acts: parking_lot::Mutex<VecDeque<Act>>,
    asked: SyncSender<String>,
    /// Keeps answers open.
    open: parking_lot::Mutex<Vec<mpsc::Sender<Result<Bytes, std::convert::Infallible>>>>,
}

impl Streaming {
    pub fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = sync_channel(256);
        let acts = parking_lot::Mutex::new(acts.into_iter().collect());
        let plan = Arc::new(Plan { acts, asked: sender, open: parking_lot::Mutex::default() });
        let router = Router::new().fallback(act).with_state(plan);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, asked, _runtime: runtime }
    }

    pub fn deis(&self, machine: &Machine, line: &str) -> Command {
        let mut command = machine.deis();
        command.env("http_proxy", format!("http://{}", self.address)).args(line.split(' '));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

async fn act(State(plan): State<Arc<Plan>>, request: Request) -> Response<Body> {
    plan.asked.send(request.uri().path_and_query().unwrap().to_string()).unwrap();
    let act = plan.acts.lock().pop_front().unwrap();
    let response = Response::builder().header("content-type", "application/x-ndjson").header("deis_api_version", "2.3");
    let (objects, hangs) = match act {
        Act::Refuse(status) => return response.status(status).body(Body::empty()).unwrap(),
        Act::End(objects) => (objects, false),
        Act::Hang(objects) => (objects, true),
    };
    let text = objects.iter().map(|object| format!("{object}\n\n")).collect::<String>();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(Ok(Bytes::from(text))).await.unwrap();
    if hangs {
        plan.open.lock().push(sender);
    }
    response.body(Body::from_stream(ReceiverStream::new(receiver))).unwrap()
}

fn line(second: u32, text: &str) -> Value {
    json!({
        "kind": "line", "time": format!("2016-02-20T23:18:{second:02}Z"), "pod": "earthy-instinct-v4-web-ppog6",
        "process": "web", "release": "v4", "stream": "stdout", "text": text
    })
}

static ENTRIES: LazyLock<[Value; 4]> = LazyLock::new(|| {
    [
        json!({ "kind": "notice", "text": "the log store cannot be reached" }),
        json!({ "kind": "dropped", "time": "2016-02-20T23:18:02Z", "lines": 7, "reason": "more lines than are kept" }),
        json!({ "kind": "event", "time": "2016-02-20T23:18:02Z", "event": "release", "text": "bob deployed 060da68" }),
        line(3, "GET /"),
    ]
});

#[test]
fn entries_are_told_in_every_form() {
    let machine = Machine::usual();
    let forms = ["table", "json", "yaml"].map(|form| {
        let controller = Streaming::start([Act::End(ENTRIES.to_vec())]);
        let output = controller.deis(&machine, &format!("logs -a earthy-instinct --output {form}")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        format!("--- {form}\n{}", String::from_utf8(output.stdout).unwrap())
    });
    insta::assert_snapshot!(forms.concat());
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

/// Two cuts and a controller that is just being replaced: nothing is missing, nothing comes twice, and Ctrl-C ends it.
#[test]
fn whoever_follows_joins_again_and_sees_no_line_twice() {
    let controller = Streaming::start([
        Act::End(vec![line(1, "one"), line(2, "two"), line(2, "two")]),
        Act::Refuse(StatusCode::BAD_GATEWAY),
        Act::End(vec![
            line(0, "zero"),
            line(1, "one"),
            line(2, "two"),
            line(2, "two"),
            line(2, "late"),
            line(3, "three"),
        ]),
        Act::Hang(vec![line(2, "two"), line(2, "late"), line(3, "three"), line(4, "four")]),
    ]);
    let machine = Machine::usual();
    let mut child = controller.deis(&machine, "logs -a earthy-instinct -f -n 5 --process web").spawn().unwrap();
    let mut shown = Vec::new();
    for next in BufReader::new(child.stdout.take().unwrap()).lines() {
        shown.push(next.unwrap().rsplit(' ').next().unwrap().to_owned());
        if shown.last().unwrap() == "four" {
            interrupt(&child);
        }
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(shown, ["one", "two", "two", "late", "three", "four"], "{output:?}");
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, "Interrupted: earthy-instinct goes on; 'deis logs' shows what it prints.\n");
    insta::assert_snapshot!(controller.asked.try_iter().map(|asked| asked + "\n").collect::<String>());
}

#[test]
fn a_refusal_ends_it() {
    let controller = Streaming::start([Act::End(vec![line(1, "one")]), Act::Refuse(StatusCode::FORBIDDEN)]);
    let output = controller.deis(&Machine::usual(), "logs -a earthy-instinct -f").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(controller.asked.try_iter().count(), 2);
}

#[test]
fn a_pods_lines_have_its_colour_on_a_terminal() {
    let machine = Machine::logged_in(told(200, "a -- GET /\n"));
    let deis = format!("exec '{}' logs -a earthy-instinct", env!("CARGO_BIN_EXE_deis"));
    let mut script = machine.command(Path::new("script"));
    script.args(["-qefc", &deis, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    assert_eq!(shown.trim_end(), "\u{1b}[32ma -- GET /\u{1b}[0m");
    assert!(child.wait().unwrap().success());
}
