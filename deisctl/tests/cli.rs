//! The command line as an operator meets it, without a cluster.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::io::Write as _;

use assert_cmd::Command;

fn deisctl(line: &str) -> Command {
    let mut command = Command::cargo_bin("deisctl").unwrap();
    // Nothing of this machine's configuration, least of all its cluster.
    command.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin").args(line.split_whitespace());
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

/// What each command's help says is among `tools/commands.rs`; this one has commands below it.
#[test]
fn a_group_says_what_there_is_in_it() {
    insta::assert_snapshot!("help_config", said("config --help"));
}

/// As the first page of the help lists them.
fn commands() -> Vec<String> {
    let help = said("--help");
    let list = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn help_fits_a_narrow_terminal() {
    let text = |line: &str| {
        let output = deisctl(line).env("COLUMNS", "40").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    insta::assert_snapshot!("narrow_scale", text("scale --help"));
    for command in commands() {
        let help = text(&format!("{command} --help"));
        // A usage line is one word after another, and is never broken.
        let lines = help.lines().filter(|line| !line.starts_with("Usage:"));
        let longest = lines.max_by_key(|line| line.chars().count()).unwrap();
        assert!(longest.chars().count() <= 40, "{command}: {longest:?}");
    }
}

/// Nothing of it reaches a cluster.
#[test]
fn what_cannot_be_scaled_is_refused_with_the_reason() {
    insta::assert_snapshot!("scale_refusals", REFUSED_SCALES.map(said).join("\n"));
}

const REFUSED_SCALES: [&str; 10] = [
    "scale",
    "scale router",
    "scale router=many",
    "scale router=0",
    "scale router=-1",
    "scale router=101",
    "scale ruoter=2",
    "scale router=2 registry=2",
    "scale logger-agent=2",
    "scale router=2 --timeout=soon",
];

#[test]
fn whom_nobody_knows_is_neither_restarted_nor_entered() {
    let lines = ["restart", "restart ruoter", "rolling-restart platform zebra", "dock ruoter", "ssh"];
    insta::assert_snapshot!("unknown_targets", lines.map(said).join("\n"));
}

#[test]
fn no_colour_is_written_where_nobody_sees_it() {
    for line in ["scale registry=2", "statsu", "--help"] {
        let output = deisctl(line).env("NO_COLOR", "1").env("TERM", "xterm").output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{line}");
    }
}

#[test]
fn a_typo_is_answered_with_what_was_meant() {
    insta::assert_snapshot!(said("statsu"));
    insta::assert_snapshot!(said("journal ruoter"));
}

/// Nothing of it reaches a cluster.
#[test]
fn a_setting_that_nobody_would_obey_is_refused() {
    insta::assert_snapshot!(said("config workflow set registration-mode"));
    insta::assert_snapshot!(said("config workflow set registration-mode=enabled =foo"));
    insta::assert_snapshot!(said("config workflow set registration-mode=open"));
    insta::assert_snapshot!(said("config workflow set registrationMode=enabled"));
    insta::assert_snapshot!(said("config workflow set colour=blue"));
    insta::assert_snapshot!(said("config builder set colour=blue"));
    insta::assert_snapshot!(said("config wrokflow get"));
    for bad in
        ["default-timeout=soon", "default-whitelist=home", "whitelist-mode=", "ssl.enforce=yes", "ssl.enforced=true"]
    {
        insta::assert_snapshot!(said(&format!("config router set {bad}")));
    }
}

#[test]
fn without_a_cluster_it_says_how_to_name_one() {
    insta::assert_snapshot!(said("status"));
}

#[test]
fn a_cluster_that_does_not_answer_is_said_to_be_so() {
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut kubeconfig = tempfile::NamedTempFile::new().unwrap();
    writeln!(
        kubeconfig,
        r#"{{"clusters": [{{"name": "c", "cluster": {{"server": "http://127.0.0.1:{port}"}}}}], "current-context": "c",
            "contexts": [{{"name": "c", "context": {{"cluster": "c", "user": "u"}}}}], "users": [{{"name": "u", "user": {{}}}}]}}"#
    )
    .unwrap();
    let output = deisctl("list --kubeconfig").arg(kubeconfig.path()).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
}

#[test]
fn without_helm_it_says_how_to_name_it() {
    insta::assert_snapshot!(said("install --helm=/nonexistent/helm"));
}

/// `echo` and `false` stand in for helm: what it is asked, and what is said when it fails.
#[test]
fn helm_is_run_on_the_operators_cluster() {
    let cluster = "--kubeconfig=/etc/admin.conf --context=prod --namespace=paas";
    insta::assert_snapshot!(said(&format!("install --helm=echo --chart=./chart --domain=example.com {cluster}")));
    insta::assert_snapshot!(said(&format!("uninstall --helm=echo {cluster}")));
    insta::assert_snapshot!(said("install --helm=false"));
}

#[test]
fn a_purge_asks_for_the_namespace() {
    insta::assert_snapshot!(said("uninstall --purge --confirm=another"));
    insta::assert_snapshot!(said("uninstall --purge"));
}

/// Nothing of it reaches a cluster.
#[test]
fn what_is_no_backup_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &str| said(&format!("restore {path}")).replace(folder.path().to_str().unwrap(), "/backups");
    let path = |name: &str| format!("{}{name}", folder.path().display());
    insta::assert_snapshot!(said(&path("")));
    insta::assert_snapshot!(said(&path("/missing")));
    std::fs::create_dir(path("/20261128T150000Z")).unwrap();
    std::fs::write(path("/20261128T150000Z/ledger.dump"), "half").unwrap();
    insta::assert_snapshot!(said(&path("")));
    insta::assert_snapshot!(said(&path("/20261128T150000Z")));
    std::fs::write(path("/20261128T150000Z/manifest.json"), "{\"format\": 2}").unwrap();
    insta::assert_snapshot!(said(&path("")));
    insta::assert_snapshot!(said("ftp://host/backups"));
}

/// What was begun is taken away again.
#[test]
fn a_backup_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("backups");
    let output = deisctl("backup --kubeconfig=/nonexistent").arg(&place).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap());
    assert!(std::fs::read_dir(place).map(Iterator::count).unwrap_or(0) == 0);
}

#[test]
fn every_shell_gets_a_completion_script_with_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        deisctl(&format!("completions {shell}")).assert().success();
        assert!(said(&format!("completions {shell}")).contains("journal"), "{shell}");
    }
}
