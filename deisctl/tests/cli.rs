//! The command line as an operator meets it, without a cluster.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use assert_cmd::Command;

fn deisctl(line: &str) -> Command {
    let mut command = Command::cargo_bin("deisctl").unwrap();
    // Nothing of this machine's configuration, least of all its cluster.
    command.env_clear().env("HOME", "/nonexistent").args(line.split_whitespace());
    command
}

fn said(line: &str) -> String {
    let output = deisctl(line).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    format!(
        "$ deisctl {line}\n{}--- stderr\n{}--- exit {}\n",
        text(output.stdout),
        text(output.stderr),
        output.status.code().unwrap()
    )
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!(said("--help"));
}

#[test]
fn each_command_says_what_it_does() {
    for command in ["install", "status", "list", "journal", "uninstall", "init", "completions"] {
        insta::assert_snapshot!(format!("help_{command}"), said(&format!("{command} --help")));
    }
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    insta::assert_snapshot!(said("statsu"));
    insta::assert_snapshot!(said("journal ruoter"));
}

#[test]
fn without_a_cluster_it_says_how_to_name_one() {
    insta::assert_snapshot!(said("status"));
}

#[test]
fn without_helm_it_says_how_to_name_it() {
    insta::assert_snapshot!(said("install --helm=/nonexistent/helm"));
}

#[test]
fn a_purge_asks_for_the_namespace() {
    insta::assert_snapshot!(said("uninstall --purge --confirm=another"));
    insta::assert_snapshot!(said("uninstall --purge"));
}

#[test]
fn every_shell_gets_a_completion_script_with_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        deisctl(&format!("completions {shell}")).assert().success();
        assert!(said(&format!("completions {shell}")).contains("journal"), "{shell}");
    }
}
