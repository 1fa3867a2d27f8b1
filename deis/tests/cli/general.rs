use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::stub::StubBuilder;
use crate::transcript::Machine;

#[test]
fn the_overview_and_the_groups_have_help() {
    let machine = Machine::fresh(StubBuilder::new());
    let mut groups =
        machine.commands().iter().filter_map(|name| Some(name.split_once(':')?.0.to_owned())).collect::<Vec<_>>();
    groups.dedup();
    groups.push("sharing".to_owned());
    let help = groups.iter().map(|group| machine.run(&format!("{group} --help"))).collect::<String>();
    insta::assert_snapshot!(machine.run("help") + &help);
}

#[test]
fn wrong_arguments_are_told_with_the_usage() {
    let machine = Machine::fresh(StubBuilder::new());
    insta::assert_snapshot!(machine.run_all(&[
        "",
        "scael",
        "apps:craete",
        "zebra",
        "apps --limti 3",
        "apps --limit many",
        "keys:remove",
        "whoami --output xml",
        "logout now",
    ]));
}

#[test]
fn a_program_on_the_path_is_a_command() {
    let machine = Machine::fresh(StubBuilder::new());
    machine.write("bin/deis-zebra", "#!/bin/sh\necho \"zebra: $*\"\nexit 3\n");
    fs::set_permissions(machine.path("bin/deis-zebra"), Permissions::from_mode(0o755)).unwrap();
    // What there is already nobody takes the place of.
    machine.write("bin/deis-apps", "#!/bin/sh\necho taken\n");
    fs::set_permissions(machine.path("bin/deis-apps"), Permissions::from_mode(0o755)).unwrap();
    insta::assert_snapshot!(machine.run_all(&["zebra:run fast --now", "zebra", "apps:craete", "giraffe"]));
}

#[test]
fn shortcuts_are_listed() {
    insta::assert_snapshot!(Machine::fresh(StubBuilder::new()).run("shortcuts"));
}

#[test]
fn versions_are_shown() {
    let machine = Machine::usual();
    let transcript = machine.run_all(&["version", "--version", "version --all", "version -a --output json"]);
    insta::assert_snapshot!(transcript.replace(env!("CARGO_PKG_VERSION"), "{version}"));
}

#[test]
fn another_version_of_the_api_is_told_once() {
    let machine = Machine::logged_in(StubBuilder::new().api_version("2.2"));
    insta::assert_snapshot!(machine.run_all(&["apps", "scale web=2 -a earthy-instinct", "scale web=2 -a none"]));
}

#[test]
fn a_controller_that_is_not_there_is_told_with_the_reason() {
    let machine = Machine::usual();
    // A port that was ours a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let transcript = machine.run_with("apps", &[("http_proxy", &format!("http://{free}"))], "");
    insta::assert_snapshot!(transcript);
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let machine = Machine::usual();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = machine.deis().arg("apps").stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), String::new()));
}
