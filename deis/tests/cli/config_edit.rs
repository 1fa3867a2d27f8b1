//! `deis config:edit`: with an editor that is a script, on a terminal.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::stub::{Answer, StubBuilder, config};
use crate::terminal::{on_terminal, read_to_end, read_until};
use crate::transcript::Machine;

const PATCH: &str = "POST /v2/apps/earthy-instinct/config/";

/// An app with two variables of one line and one of two; the editor runs `script` on the file `$1`.
fn machine(stub: StubBuilder, script: &str) -> Machine {
    let values = config(json!({"MODE": "test", "OLD": "0ld", "PEM": "-----BEGIN\n-----END"}));
    let machine = Machine::logged_in(stub.answer("GET /v2/apps/earthy-instinct/config/", Answer::new(200, values)));
    machine.write("bin/editor", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(machine.path("bin/editor"), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(machine.path("tmp")).unwrap();
    machine
}

fn environment(machine: &Machine) -> String {
    format!("NO_COLOR=1 EDITOR=editor TMPDIR='{}'", machine.path("tmp").display())
}

/// What is shown and asked, the exit code, and which files are left.
fn edit(machine: &Machine) -> String {
    edit_with(machine, "EDITOR=editor")
}

fn edit_with(machine: &Machine, editor: &str) -> String {
    let environment = format!("{editor} TMPDIR='{}'", machine.path("tmp").display());
    let mut child = on_terminal(machine, "config:edit -a earthy-instinct", &environment);
    let shown = read_to_end(&mut child);
    let code = child.wait().unwrap().code();
    let asked = machine.stub.asked.try_iter().map(|request| request + "\n").collect::<String>();
    neutral(machine, &format!("{shown}--- exit code\n{}\n--- asked\n{asked}--- left\n{}", code.unwrap(), left(machine)))
}

fn left(machine: &Machine) -> String {
    let folders = fs::read_dir(machine.path("tmp")).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    files.map(|path| format!("{}\n{}", path.display(), fs::read_to_string(&path).unwrap_or_default())).collect()
}

/// Without the random part of the folder's name.
fn neutral(machine: &Machine, text: &str) -> String {
    let mut parts = text.split("/tmp/deis-");
    let first = parts.next().unwrap().to_owned();
    let text = parts.fold(first, |text, part| text + "/tmp/deis-{random}" + part.split_at(6).1);
    machine.neutral(&text)
}

#[test]
fn what_differs_is_set_and_unset_in_one_change() {
    let script = "{ stat -c '%A' \"$(dirname \"$1\")\" \"$1\"; cat \"$1\"; } > seen\n\
                  sed -i -e s/test/live/ -e /^OLD/d \"$1\"; echo NEW=1 >> \"$1\"; touch \"$1~\"";
    let machine = machine(StubBuilder::new(), script);
    let told = edit(&machine);
    let seen = fs::read_to_string(machine.path("project/seen")).unwrap();
    insta::assert_snapshot!(told + "--- the editor saw\n" + &seen);
}

#[test]
fn without_a_change_there_is_no_release() {
    insta::assert_snapshot!(edit(&machine(StubBuilder::new(), "")));
}

#[test]
fn an_emptied_file_changes_nothing() {
    insta::assert_snapshot!(edit(&machine(StubBuilder::new(), ": > \"$1\"")));
}

#[test]
fn a_line_that_is_no_pair_is_told_and_the_text_is_kept() {
    let told = edit(&machine(StubBuilder::new(), "echo 'no pair' >> \"$1\""));
    let no_text = edit(&machine(StubBuilder::new(), "printf '\\377' > \"$1\""));
    insta::assert_snapshot!(told + &no_text);
}

#[test]
fn a_refused_text_is_kept() {
    let refusal = Answer::new(400, json!({"detail": "web exited with code 1 again and again"})).code("process-exited");
    insta::assert_snapshot!(edit(&machine(StubBuilder::new().answer(PATCH, refusal), "echo NEW=1 >> \"$1\"")));
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let failing = machine(StubBuilder::new(), "echo NEW=1 >> \"$1\"; exit 3");
    let missing = edit_with(&machine(StubBuilder::new(), ""), "EDITOR=nowhere");
    insta::assert_snapshot!(edit(&failing) + &missing);
}

#[test]
fn visual_comes_first_and_may_have_arguments() {
    let machine = machine(StubBuilder::new(), "echo \"$1 $2\"");
    let told = edit_with(&machine, "VISUAL='editor --wait' EDITOR=nowhere");
    assert!(told.starts_with("--wait /tmp/deis-"), "{told}");
}

#[test]
fn ctrl_c_ends_the_editor_and_leaves_nothing() {
    let machine = machine(StubBuilder::new(), "echo editing; exec cat");
    let mut child = on_terminal(&machine, "config:edit -a earthy-instinct", &environment(&machine));
    read_until(&mut child, "editing");
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    read_until(&mut child, "Interrupted: nothing was changed");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left(&machine), "");
    assert_eq!(machine.stub.asked.try_iter().count(), 1);
}

#[test]
fn whoever_is_told_to_stop_leaves_nothing() {
    let machine = machine(StubBuilder::new(), "echo $PPID > pid; echo editing; exec cat");
    let mut child = on_terminal(&machine, "config:edit -a earthy-instinct", &environment(&machine));
    read_until(&mut child, "editing");
    let pid = fs::read_to_string(machine.path("project/pid")).unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    read_until(&mut child, "Interrupted: 'deis config -a earthy-instinct' shows what is set");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left(&machine), "");
}

#[test]
fn without_a_terminal_it_is_refused() {
    insta::assert_snapshot!(Machine::usual().run_all(&["config:edit -a earthy-instinct", "help config:edit"]));
}
