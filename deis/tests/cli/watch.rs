//! `deis releases:watch`.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::logs::{Act, Streaming};
use crate::stub::{Answer, StubBuilder, page};
use crate::transcript::Machine;

const PROGRESS: &str = "GET /v2/apps/earthy-instinct/releases/v3/progress/";

fn step(text: &str) -> Value {
    json!({ "kind": "step", "text": text })
}

fn failed() -> Value {
    json!({
        "kind": "failed", "code": "process-exited", "message": "The process web ended 2 times.",
        "log_tail": ["panic: no database", "\u{1b}]0;not a title\u{7}"]
    })
}

#[test]
fn it_has_help() {
    insta::assert_snapshot!(Machine::usual().run("releases:watch --help"));
}

#[test]
fn a_deploy_is_watched_to_its_end() {
    let fails =
        StubBuilder::new().answer(PROGRESS, Answer { status: 200, body: format!("{}\n", failed()), code: None });
    let superseded = r#"{"kind":"deployed","superseded_by":6}"#.to_owned() + "\n";
    let superseded = StubBuilder::new().answer(PROGRESS, Answer { status: 200, body: superseded, code: None });
    let machines = [Machine::usual(), Machine::logged_in(superseded), Machine::logged_in(fails)];
    let told = machines.map(|machine| {
        machine.run_all(&["releases:watch v3 -a earthy-instinct", "releases:watch -a earthy-instinct --timeout 5m"])
    });
    insta::assert_snapshot!(told.concat());
}

#[test]
fn what_is_wrong_is_told() {
    let gone = Answer::new(404, json!("No Release matches the given query.")).code("not-found");
    let stub = StubBuilder::new()
        .answer("GET /v2/apps/earthy-instinct/releases/v9/progress/", gone)
        .answer("GET /v2/apps/earthy-instinct/releases/", Answer::new(200, page(0, json!([]))));
    insta::assert_snapshot!(Machine::logged_in(stub).run_all(&[
        "releases:watch v9 -a earthy-instinct",
        "releases:watch three -a earthy-instinct",
        "releases:watch -a earthy-instinct",
        "releases:watch -a earthy-instinc",
    ]));
}

/// An answer that ends, a controller that is just being replaced, and one that cannot do it yet: in the end the outcome is told.
#[test]
fn a_watch_survives_the_controller() {
    let controller = Streaming::start([
        Act::End(vec![step("web: 0 of 2 pods ready")]),
        Act::Refuse(StatusCode::BAD_GATEWAY),
        Act::End(vec![]),
        Act::End(vec![step("web: 1 of 2 pods ready"), failed()]),
    ]);
    let output = controller.deis(&Machine::usual(), "releases:watch v3 -a earthy-instinct").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Deploying v3... failed\n");
    assert!(String::from_utf8(output.stderr).unwrap().contains("Code: process-exited"));
    assert_eq!(controller.asked.try_iter().count(), 4);
}

#[test]
fn a_person_at_a_terminal_sees_what_is_waited_for() {
    let machine = Machine::usual();
    let deis = format!("exec '{}' releases:watch v3 -a earthy-instinct --timeout 10s", env!("CARGO_BIN_EXE_deis"));
    let controller = Streaming::start([Act::Hang(vec![step("web: 1 of 2 pods ready")])]);
    let mut script = machine.command(Path::new("script"));
    script.args(["-qefc", &deis, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    script.env("http_proxy", format!("http://{}", controller.address));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut terminal = child.stdout.take().unwrap();
    let mut shown = String::new();
    while !shown.contains("web: 1 of 2 pods ready") {
        let mut bytes = [0; 1024];
        let length = terminal.read(&mut bytes).unwrap();
        assert!(length > 0, "{shown:?}");
        shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
