//! What is shipped has no failpoint in it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests assert by panicking and start what they need"
)]

#[path = "../src/bin/workflow-failpoints/names.rs"]
mod names;

use std::collections::BTreeSet;
use std::process::Command;

/// The names of failpoints that stand in a program.
fn found(program: &str) -> BTreeSet<String> {
    let names = names::NAMES.iter().map(|name| format!("--regexp={name}"));
    let mut grep = Command::new("grep");
    grep.args(["--text", "--only-matching", "--fixed-strings"]).args(names).arg(program);
    let output = grep.output().unwrap();
    // 1: nothing was found.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn no_failpoint_is_in_the_program_that_is_shipped() {
    let all = names::NAMES.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(found(env!("CARGO_BIN_EXE_workflow-failpoints")), all, "they can be found where they are");
    assert_eq!(found(env!("CARGO_BIN_EXE_workflow")), BTreeSet::new());
}
