//! Commands that a person works with from here: on a terminal, and without one.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use crate::stub::{Answer, StubBuilder};
use crate::terminal::{on_terminal, read_until};
use crate::transcript::Machine;

#[test]
fn every_key_and_every_size_of_the_terminal_is_handed_over() {
    let machine = Machine::usual();
    let device = machine.path("device");
    let tty = format!("tty > '{}';", device.display());
    let mut child = on_terminal(&machine, "run -a earthy-instinct -- bash --norc", &tty);
    read_until(&mut child, "Running 'bash --norc'...");
    read_until(&mut child, "ready");
    let asked = machine.stub.asked.recv().unwrap();
    let order = r#"{"command":["bash","--norc"],"terminal":{"columns":120,"rows":24}}"#;
    assert_eq!(asked, format!("GET /v2/apps/earthy-instinct/run/attach token TOKEN {order}"));

    // Ctrl-C and Ctrl-D are the command's.
    for (keys, heard) in [("\u{3}", r#"typed "\u{3}""#), ("\u{4}", r#"typed "\u{4}""#)] {
        child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        read_until(&mut child, heard);
    }
    let device = fs::read_to_string(device).unwrap();
    let mut stty = machine.command(Path::new("stty"));
    assert!(stty.args(["-F", device.trim(), "cols", "100", "rows", "40"]).status().unwrap().success());
    read_until(&mut child, "now 100x40");
    child.stdin.as_mut().unwrap().write_all(b"q").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// Whatever ends it: a terminal that does not show what is typed is of no use.
#[test]
fn the_terminal_is_as_before_afterwards() {
    for command in ["ls", "refuse", "break"] {
        let machine = Machine::usual();
        let deis = env!("CARGO_BIN_EXE_deis");
        // A shell that outlives the program looks.
        let look = format!("'{deis}' run -a earthy-instinct {command}; stty -a;");
        let mut child = on_terminal(&machine, "version", &look);
        let shown = read_until(&mut child, "echoke");
        assert!(shown.contains(" icanon") && shown.contains(" echo "), "{command}: {shown}");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn without_a_terminal_the_input_is_handed_over_when_somebody_says_so() {
    let stub = || {
        StubBuilder::new()
            .answer("POST /v2/apps/earthy-instinct/run/", Answer::new(200, json!({"exit_code": 0, "output": ""})))
    };
    let told = [
        Machine::logged_in(stub()).run_with("run --interactive -a earthy-instinct -- psql", &[], "SELECT 1;\n"),
        Machine::logged_in(stub()).run_with("run -a earthy-instinct -- psql", &[], "SELECT 1;\n"),
        Machine::logged_in(stub()).run_with("ps:exec v2-web-wydts -a earthy-instinct -- cat -n", &[], "q"),
    ];
    insta::assert_snapshot!(told.concat());
}

#[test]
fn why_a_command_does_not_go_on_is_told() {
    let told = ["refuse", "break"].map(|command| Machine::usual().run(&format!("run -i -a earthy-instinct {command}")));
    let refused = Answer::new(403, json!({ "detail": "no" })).code("permission-denied");
    let old = Answer::new(200, json!({}));
    let refused = [refused, old].map(|answer| {
        let stub = StubBuilder::new().answer("GET /v2/apps/other/run/attach", answer);
        Machine::logged_in(stub).run("run -i -a other ls")
    });
    insta::assert_snapshot!(told.concat() + &refused.concat());
}
