//! What only a person at a terminal meets: the moving mark, colours, and Ctrl-C.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use serde_json::json;

use crate::stub::{Answer, StubBuilder, config};
use crate::transcript::Machine;

/// Starts `deis {line}` on a terminal of its own; what the terminal shows comes on stdout.
pub fn on_terminal(machine: &Machine, line: &str, environment: &str) -> Child {
    on_terminal_of(machine, 120, line, environment)
}

/// The same, so many columns wide.
pub fn on_terminal_of(machine: &Machine, columns: u16, line: &str, environment: &str) -> Child {
    let deis = format!("stty cols {columns} rows 24; {environment} exec '{}' {line}", env!("CARGO_BIN_EXE_deis"));
    let mut script = machine.command(Path::new("script"));
    script.args(["-qefc", &deis, "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm");
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Reads until `sign` was shown.
pub fn read_until(child: &mut Child, sign: &str) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&shown).contains(sign) {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.extend(byte);
    }
    String::from_utf8(shown).unwrap()
}

/// What was shown from here to the end, as a person sees it when all is over: without what was overwritten.
pub fn read_to_end(child: &mut Child) -> String {
    let mut shown = Vec::new();
    child.stdout.as_mut().unwrap().read_to_end(&mut shown).unwrap();
    let plain = anstream::adapter::strip_str(std::str::from_utf8(&shown).unwrap()).to_string();
    let last = |line: &str| line.trim_end_matches('\r').rsplit('\r').next().unwrap().to_owned() + "\n";
    plain.lines().map(last).collect()
}

/// Types each answer when its question stands there; gives what was shown.
pub fn answer_all(child: &mut Child, answers: &[(&str, &str)]) -> String {
    let answer = |(question, answer): &(&str, &str)| {
        let shown = read_until(child, question);
        child.stdin.as_mut().unwrap().write_all(format!("{answer}\r").as_bytes()).unwrap();
        shown
    };
    answers.iter().map(answer).collect()
}

#[test]
fn a_mark_moves_while_a_person_waits() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut child = on_terminal(&machine, "rollback -a earthy-instinct", "");
    let shown = read_until(&mut child, ".o.");
    assert!(shown.contains("Rolling back one release... o.."), "{shown:?}");

    machine.stub.permits.add_permits(1);
    let rest = read_until(&mut child, "Rolling back one release... done, v4");
    assert!(!rest.contains("Error"), "{rest:?}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_person_is_asked_and_the_password_is_not_shown() {
    let machine = Machine::fresh(StubBuilder::new());
    let mut child = on_terminal(&machine, "register deis.example.com", "");
    let answers =
        [("username: ", "bob"), ("password: ", "s3cret"), ("(confirm): ", "s3cret"), ("email: ", "bob@x.org")];
    let mut shown = answer_all(&mut child, &answers);
    shown += &read_until(&mut child, "Logged in as bob");
    assert!(!shown.contains("s3cret"), "{shown:?}");
    assert!(
        machine.stub.asked.try_iter().any(|request| request.contains(r#""password":"s3cret","email":"bob@x.org""#))
    );
}

#[test]
fn two_different_passwords_register_nobody() {
    let machine = Machine::fresh(StubBuilder::new());
    let mut child = on_terminal(&machine, "register deis.example.com --username=bob", "");
    answer_all(&mut child, &[("password: ", "s3cret"), ("(confirm): ", "secret")]);
    read_until(&mut child, "Password mismatch, aborting registration.");
    assert_eq!(machine.stub.asked.try_iter().collect::<Vec<_>>(), ["GET /v2/ (anonymous)"]);
}

#[test]
fn no_mark_goes_into_a_pipe() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut child = machine.deis().args(["rollback", "-a", "earthy-instinct"]).stdout(Stdio::piped()).spawn().unwrap();
    machine.stub.asked.recv().unwrap();
    machine.stub.permits.add_permits(1);
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    assert_eq!(shown, "Rolling back one release... done, v4\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let machine = Machine::usual();
    let shown = read_until(&mut on_terminal(&machine, "scale web -a earthy-instinct", ""), "web=2");
    assert!(shown.contains("\u{1b}[31m"), "{shown:?}");
    let shown = read_until(&mut on_terminal(&machine, "scale web -a earthy-instinct", "NO_COLOR=1"), "web=2");
    assert!(shown.contains("Error: 'web'"), "{shown:?}");
}

#[test]
fn ctrl_c_says_what_goes_on() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut command = machine.deis();
    command.args(["scale", "web=5", "-a", "earthy-instinct"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    machine.stub.asked.recv().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}

#[test]
fn a_destruction_is_confirmed_by_the_apps_name_and_explained() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut child = on_terminal(&machine, "destroy -a earthy-instinct", "");
    let mut shown = answer_all(&mut child, &[("> ", "earthy-instinct")]);
    shown += &read_until(&mut child, "ending its processes");
    machine.stub.permits.add_permits(1);
    let rest = read_until(&mut child, "done in ");
    assert!(child.wait().unwrap().success());
    assert!(shown.contains("Destroying earthy-instinct..."), "{shown:?}");
    assert!(!rest.contains("Error"), "{rest:?}");
    assert_eq!(machine.stub.asked.try_iter().collect::<Vec<_>>(), ["DELETE /v2/apps/earthy-instinct/ token TOKEN"]);
    let question = shown.split('\u{1b}').next().unwrap().lines().collect::<Vec<_>>();
    let expected = [
        " !    WARNING: Potentially Destructive Action",
        " !    This command will destroy the application: earthy-instinct",
        " !    To proceed, type \"earthy-instinct\" or re-run this command with --confirm=earthy-instinct",
    ];
    assert_eq!(question, expected);
}

#[test]
fn another_name_destroys_nothing() {
    let machine = Machine::usual();
    let mut child = on_terminal(&machine, "destroy -a earthy-instinct", "");
    answer_all(&mut child, &[("> ", "yes")]);
    read_until(&mut child, "App earthy-instinct does not match confirm yes, aborting.");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(machine.stub.asked.try_iter().count(), 0);
}

#[test]
fn ctrl_c_stops_to_wait_for_a_destruction_that_goes_on() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut command = machine.deis();
    command.args(["destroy", "--confirm=earthy-instinct", "-a", "earthy-instinct"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    machine.stub.asked.recv().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}

#[test]
fn pull_writes_a_file_that_nobody_else_reads_and_asks_before_it_replaces() {
    let values = config(json!({"MODE": "live", "NEW": "1", "SAME": "x"}));
    let stub = StubBuilder::new().answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, values));
    let machine = Machine::logged_in(stub);
    let file = machine.path("project/.env");
    let pull = |options: &str| on_terminal(&machine, &format!("config:pull -a earthy-instinct {options}"), "");

    assert!(pull("").wait().unwrap().success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap(), "MODE=live\nNEW=1\nSAME=x\n");

    fs::write(&file, "LOCAL=2\nMODE=test\nSAME=x\n").unwrap();
    let mut child = pull("");
    read_until(&mut child, ".env already exists, pass -o to overwrite");
    assert_eq!(child.wait().unwrap().code(), Some(1));

    for (answer, mode) in [("", "test"), ("y", "live")] {
        let mut child = pull("--interactive");
        answer_all(&mut child, &[("MODE: overwrite test with live? (y/N) ", answer)]);
        assert!(child.wait().unwrap().success());
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("LOCAL=2\nMODE={mode}\nNEW=1\nSAME=x\n"));
    }

    fs::write(&file, "LOCAL=2\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert!(pull("-o").wait().unwrap().success());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap(), "MODE=live\nNEW=1\nSAME=x\n");
}

#[test]
fn a_value_is_typed_and_ended() {
    let machine = Machine::usual();
    let mut child = on_terminal(&machine, "config:set --stdin MOTD -a earthy-instinct", "");
    read_until(&mut child, "Type the value of MOTD, and end it with Ctrl-D on a line of its own.");
    child.stdin.as_mut().unwrap().write_all(b"one\rtwo\r\x04").unwrap();
    read_until(&mut child, "=== earthy-instinct Config");
    assert!(child.wait().unwrap().success());
    let asked = machine.stub.asked.try_iter().collect::<Vec<_>>();
    assert!(asked.iter().any(|request| request.ends_with(r#"{"values":{"MOTD":"one\ntwo"}}"#)), "{asked:?}");
}
