//! What a terminal is given: colours, movement and width as far as it has them.

use std::io::Read;

use crate::stub::{Answer, StubBuilder};
use crate::terminal::{on_terminal, on_terminal_of, read_to_end, read_until};
use crate::transcript::Machine;

/// What is shown raw, escape sequences and all.
fn raw(machine: &Machine, line: &str, environment: &str) -> String {
    let mut child = on_terminal(machine, line, environment);
    let mut shown = Vec::new();
    child.stdout.as_mut().unwrap().read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

/// Whether anything selects a colour or another rendition (ECMA-48, SGR).
fn is_coloured(shown: &str) -> bool {
    shown.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';');
        end.starts_with('m') && !rest.starts_with("0m")
    })
}

/// Help, an error of ours, one of the controller, lines of an app, a wait.
const LINES: &[&str] = &[
    "help config:set",
    "scale web -a earthy-instinct",
    "info -a none",
    "logs -a earthy-instinct",
    "rollback -a earthy-instinct",
];

fn machine() -> Machine {
    let lines = "earthy-instinct-v2-web-x -- \u{1b}[32mgreen\u{1b}[0m\n".to_owned();
    let logs = Answer { status: 200, body: lines, code: None };
    Machine::logged_in(StubBuilder::new().answer("GET /v2/apps/earthy-instinct/logs", logs))
}

#[test]
fn no_color_switches_colours_off_everywhere() {
    let machine = machine();
    let coloured = |line: &&&str| is_coloured(&raw(&machine, line, ""));
    // The others have none anyway.
    let expected = ["help config:set", "scale web -a earthy-instinct", "info -a none", "logs -a earthy-instinct"];
    assert_eq!(LINES.iter().filter(coloured).copied().collect::<Vec<_>>(), expected);
    for line in LINES {
        for environment in ["NO_COLOR=1", "NO_COLOR=0", "NO_COLOR=1 CLICOLOR_FORCE=1", "TERM=dumb"] {
            let shown = raw(&machine, line, environment);
            assert!(!is_coloured(&shown), "{environment} deis {line}: {shown:?}");
        }
    }
    let shown = raw(&machine, "scale web -a earthy-instinct", "NO_COLOR=");
    assert!(is_coloured(&shown), "an empty value is none: {shown:?}");
}

#[test]
fn a_terminal_that_cannot_move_sees_the_label_at_once_and_no_mark() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut child = on_terminal(&machine, "rollback -a earthy-instinct", "TERM=dumb");
    let shown = read_until(&mut child, "Rolling back one release... ");
    machine.stub.asked.recv().unwrap();
    machine.stub.permits.add_permits(1);
    let shown = shown + &read_until(&mut child, "done, v4\r\n");
    assert_eq!(shown, "Rolling back one release... done, v4\r\n");
}

#[test]
fn a_narrow_terminal_is_not_overrun() {
    let machine = Machine::fresh(StubBuilder::new());
    // Without ssh nothing leaves the machine.
    let environment = "PATH=/nowhere DEIS_CONTROLLER=deis.example.com DEIS_TOKEN=abc";
    let shown = read_to_end(&mut on_terminal_of(&machine, 48, "doctor", environment));
    assert!(shown.lines().all(|line| line.chars().count() <= 48), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_wait_that_is_longer_than_the_line_leaves_nothing_behind() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut child = on_terminal_of(&machine, 30, "destroy --confirm=earthy-instinct -a earthy-instinct", "");
    let mut shown = read_until(&mut child, "all that it has");
    machine.stub.asked.recv().unwrap();
    machine.stub.permits.add_permits(1);
    shown += &read_until(&mut child, "done in ");
    // Up to the line above, and cleared.
    assert!(shown.contains("\u{1b}[1A\r\u{1b}[2K"), "{shown:?}");
}
