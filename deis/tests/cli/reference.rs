//! `docs/reference/deis.md` is what the program says of itself. This test writes it again and fails when it differs;
//! `UPDATE_GENERATED=1 cargo test -p deis` (or `make reference`) stores it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::stub::StubBuilder;
use crate::transcript::Machine;

pub const HEAD: &str = "\
<!-- Written by deis/tests/cli/reference.rs from the program's help; `make reference` writes it again. -->

# `deis`, command by command

`deis <command> [<args>...]`; options may stand anywhere after the command, and long ones may be shortened as long as they stay
unique. `deis help <command>` shows what stands here. Data goes to stdout, errors to stderr with an [error code](error-codes.md);
the exit code is 0, 1 for a failure, 124 when the time of `--timeout` is over, and 130 after Ctrl-C. Whoever stops to wait stops
nothing: a deploy goes on.

The app of a command is the one that `--app` names, else `DEIS_APP`, else that of the first git remote that leads to the platform, else
the directory's name.

| Variable | What it does |
|---|---|
| `DEIS_APP` | The app, when `--app` is not given |
| `DEIS_PROFILE` | The profile, when `--config` is not given: `live` is the file `~/.deis/live.json` |
| `DEIS_CONTROLLER`, `DEIS_TOKEN` | The controller and the token, in place of those in the profile's file: for scripts |
| `DEIS_DRINK_OF_CHOICE` | What comes first |
| `VISUAL`, `EDITOR` | The editor of `config:edit`, perhaps with arguments; the first of them that is set, else `vi` |
| `http_proxy`, `https_proxy`, `no_proxy` | The way to the controller |
| `NO_COLOR` | If it is not empty: no colours, on a terminal either |
| `TERM` | `dumb`: no colours and no mark that moves |
";

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/deis.md");
    let text = reference();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    assert!(stored == text, "docs/reference/deis.md differs from the program's help: run `make reference`");
}

fn reference() -> String {
    let machine = Machine::fresh(StubBuilder::new());
    let shortcuts = shortcuts(&machine);
    let mut text = HEAD.to_owned();
    let mut group = String::new();
    for name in machine.commands() {
        let of = name.split(':').next().unwrap();
        if group != of {
            of.clone_into(&mut group);
            write!(text, "\n## {group}\n").unwrap();
        }
        let help = said(&machine, &format!("help {name}"));
        let (about, details) = help.split_once("\n\n").unwrap();
        // A command without a group is one of its own.
        if of != name {
            write!(text, "\n### {name}\n").unwrap();
        }
        write!(text, "\n{about}.").unwrap();
        if let Some(names) = shortcuts.get(&name) {
            write!(text, " Short: {}.", names.join(", ")).unwrap();
        }
        write!(text, "\n\n```text\n{}\n```\n", details.trim_end()).unwrap();
    }
    text
}

/// What the program prints, and nothing else of the transcript.
fn said(machine: &Machine, line: &str) -> String {
    machine.run(line).split_once('\n').unwrap().1.to_owned()
}

/// Command → its short names.
fn shortcuts(machine: &Machine) -> BTreeMap<String, Vec<String>> {
    let mut shortcuts = BTreeMap::<_, Vec<_>>::new();
    for (name, command) in said(machine, "shortcuts").lines().filter_map(|line| line.split_once(" -> ")) {
        shortcuts.entry(command.to_owned()).or_default().push(format!("`{name}`"));
    }
    shortcuts
}
