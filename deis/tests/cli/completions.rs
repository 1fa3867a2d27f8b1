use std::path::Path;

use crate::stub::StubBuilder;
use crate::transcript::Machine;

/// What bash offers for a line, asked as bash asks: with words that it broke at colons.
fn offered(words: &[&str]) -> String {
    let machine = Machine::fresh(StubBuilder::new());
    let current = words.last().unwrap();
    let previous = words[words.len() - 2];
    let quoted = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "source <('{deis}' completions bash)\n\
         COMP_WORDS=({quoted}); COMP_CWORD={last}\n\
         \"$(complete -p deis | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" deis '{current}' '{previous}'\n\
         echo \"${{COMPREPLY[@]}}\"",
        deis = env!("CARGO_BIN_EXE_deis"),
        last = words.len() - 1,
    );
    let output = machine.command(Path::new("bash")).args(["--norc", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn bash_completes_names_with_colons() {
    assert_eq!(offered(&["deis", "apps", ":", "cr"]), "create");
    assert_eq!(offered(&["deis", "sca"]), "scale");
    assert!(offered(&["deis", "apps", ":"]).contains("list"));
}

#[test]
fn bash_completes_options_of_commands_with_colons() {
    let options = offered(&["deis", "releases", ":", "list", "--li"]);
    assert_eq!(options, "--limit");
    assert_eq!(offered(&["deis", "config", "--output", "j"]), "json");
    assert_eq!(offered(&["deis", "healthchecks", ":", "set", "live"]), "liveness");
}

#[test]
fn each_shell_has_its_script() {
    let machine = Machine::fresh(StubBuilder::new());
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef deis"), ("fish", "complete -c deis")] {
        let script = machine.run(&format!("completions {shell}"));
        assert!(script.contains(sign), "{script}");
        assert!(!script.contains("--- exit code"), "{script}");
    }
    insta::assert_snapshot!(machine.run("completions tcsh"));
}
