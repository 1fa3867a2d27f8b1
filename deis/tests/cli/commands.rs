//! Every command: its help, a line that goes well, one that does not, and the first two on a narrow terminal. Each has one snapshot
//! with all of it; a command without one fails here, and so does a snapshot without a command.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::stub::{Answer, StubBuilder, app_settings, build, config_of, page};
use crate::terminal::{on_terminal_of, read_to_end};
use crate::transcript::Machine;

/// Of a terminal that is narrow.
const NARROW: u16 = 40;
/// What these print is long and has tests of its own: so many lines are enough.
const LONG: (&[&str], usize) = (&["completions", "man"], 20);
const BUILD: &str = "95bd6dea-1685-4f78-a03d-fd7270b058d1";
const USER: &str = "deis.example.com --username=bob --password=s3cret";

/// Behind the command's name: what goes well, and what does not. APP names the app, TYPO one that is not there.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("apps:allow-root", "APP", "TYPO"),
    ("apps:create", "earthy-instinct --no-remote", "earthy-instinct --no-remote"),
    ("apps:destroy", "--confirm=earthy-instinct APP", "--confirm=earthy APP"),
    ("apps:forbid-root", "APP", "TYPO"),
    ("apps:info", "APP", "TYPO"),
    ("apps:list", "", "--config other"),
    ("apps:logs", "APP", "TYPO"),
    ("apps:open", "APP", "TYPO"),
    ("apps:run", "APP -- ls -l", "TYPO ls"),
    ("apps:transfer", "alice APP", "alice TYPO"),
    ("auth:cancel", "--password=s3cret --yes", "--password=s3cret --yes"),
    ("auth:login", "USER", "USER"),
    ("auth:logout", "", "now"),
    ("auth:passwd", "--password=s3cret --new-password=n3w", "--password=s3cret --new-password=n3w"),
    ("auth:regenerate", "", "--all"),
    ("auth:register", "USER --email=bob@example.com", "USER --email=bob@example.com"),
    ("auth:whoami", "", "--config other"),
    ("autoscale:list", "APP", "TYPO"),
    ("autoscale:set", "web --min=2 --max=8 --cpu-percent=75 APP", "web --min=2 APP"),
    ("autoscale:unset", "web APP", "web TYPO"),
    ("builds:cancel", "APP", "TYPO"),
    ("builds:clear-cache", "APP", "TYPO"),
    ("builds:create", "nginx APP", "nginx TYPO"),
    ("builds:info", "BUILD APP", "BUILD TYPO"),
    ("builds:list", "APP", "TYPO"),
    ("builds:log", "APP", "TYPO"),
    ("certs:add", "www-example-com chain.pem key.pem", "www-example-com chain.pem nothing.pem"),
    ("certs:attach", "www-example-com www.example.com", "none www.example.com"),
    ("certs:detach", "www-example-com www.example.com", "none www.example.com"),
    ("certs:info", "www-example-com", "none"),
    ("certs:list", "", "--config other"),
    ("certs:remove", "www-example-com", "none"),
    ("completions", "bash", "tcsh"),
    ("config:edit", "APP", "APP"),
    ("config:list", "APP", "TYPO"),
    ("config:pull", "APP", "TYPO"),
    ("config:push", "APP", "TYPO"),
    ("config:set", "POWERED_BY=Kubernetes APP", "POWERED_BY APP"),
    ("config:unset", "FLOAT APP", "FLOAT TYPO"),
    ("domains:add", "www.example.com APP", "www.example.com TYPO"),
    ("domains:list", "APP", "TYPO"),
    ("domains:remove", "www.example.com APP", "www.example.com TYPO"),
    ("activity", "APP", "TYPO"),
    ("explain", "APP", "TYPO"),
    ("git:remote", "APP", "APP --remote=--mirror"),
    ("git:remove", "APP", "-a other"),
    ("healthchecks:list", "APP", "TYPO"),
    ("healthchecks:set", "liveness httpGet 5000 APP", "alive httpGet 5000 APP"),
    ("healthchecks:unset", "liveness APP", "liveness TYPO"),
    ("keys:add", "id_ed25519.pub", "id_ed25519"),
    ("keys:list", "", "--config other"),
    ("keys:remove", "bob@laptop", "none"),
    ("labels:list", "APP", "TYPO"),
    ("labels:set", "team=frontend stage=test APP", "team APP"),
    ("labels:unset", "team APP", "team TYPO"),
    ("limits:list", "APP", "TYPO"),
    ("limits:set", "web=512M APP", "web APP"),
    ("limits:unset", "web APP", "web TYPO"),
    ("maintenance:info", "APP", "TYPO"),
    ("maintenance:off", "APP", "TYPO"),
    ("maintenance:on", "APP", "TYPO"),
    ("man", "", "--dir"),
    ("perms:create", "alice APP", "alice TYPO"),
    ("perms:delete", "alice APP", "alice TYPO"),
    ("perms:list", "APP", "TYPO"),
    ("ps:exec", "earthy-instinct-v2-web-wydts APP -- ls -l", "v2-worker-aaaaa APP -- ls -l"),
    ("ps:list", "APP", "TYPO"),
    ("ps:restart", "APP", "TYPO"),
    ("ps:scale", "web=2 APP", "web APP"),
    ("registry:list", "APP", "TYPO"),
    ("registry:set", "username=bob APP", "hostname=quay.io APP"),
    ("registry:unset", "username APP", "user APP"),
    ("releases:diff", "v2 v3 APP", "v9 v3 APP"),
    ("releases:info", "v2 APP", "v9 APP"),
    ("releases:list", "APP", "TYPO"),
    ("releases:rollback", "APP", "three APP"),
    ("releases:watch", "v3 APP", "three APP"),
    ("routing:disable", "APP", "TYPO"),
    ("routing:enable", "APP", "TYPO"),
    ("routing:info", "APP", "TYPO"),
    ("services:add", "--type api --route /api/ APP", "--type api --route /api/ TYPO"),
    ("services:list", "APP", "TYPO"),
    ("services:remove", "api APP", "api TYPO"),
    ("shortcuts:list", "", "now"),
    ("tags:list", "APP", "TYPO"),
    ("tags:set", "disk=ssd APP", "disk APP"),
    ("tags:unset", "disk APP", "disk TYPO"),
    ("timeouts:list", "APP", "TYPO"),
    ("timeouts:set", "worker=300 APP", "worker=5m APP"),
    ("timeouts:unset", "web APP", "web TYPO"),
    ("tls:disable", "APP", "TYPO"),
    ("tls:enable", "APP", "TYPO"),
    ("tls:info", "APP", "TYPO"),
    ("users:list", "", "--config other"),
    ("version", "--all", "--all --config other"),
    ("whitelist:add", "10.0.0.0/8,192.0.2.7 APP", "192.0.2.7 TYPO"),
    ("whitelist:list", "APP", "TYPO"),
    ("whitelist:remove", "192.0.2.7 APP", "192.0.2.7 TYPO"),
];

/// Commands whose machine is their own tests' business: where their help, success, failure and narrow terminal stand.
const ELSEWHERE: &[(&str, [&str; 4])] = &[(
    "doctor",
    [
        "doctor__its_help_says_what_it_is_for",
        "doctor__where_all_is_well_each_check_says_what_it_found",
        "doctor__an_old_token_is_told",
        "colours__a_narrow_terminal_is_not_overrun",
    ],
)];

/// A controller that has an answer for every command.
fn willing() -> StubBuilder {
    let app = |method: &str, rest: &str| format!("{method} /v2/apps/earthy-instinct/{rest}");
    let text = |body: &str| Answer { status: 200, body: body.to_owned(), code: None };
    let restarted = json!([{
        "name": "earthy-instinct-v2-web-wydts", "state": "up", "release": "v2", "type": "web",
        "started": "2016-08-22T17:40:16Z"
    }]);
    let settings = app_settings(json!({"web": {"min": 2, "max": 8, "cpu_percent": 75}}));
    StubBuilder::new()
        .answer(&app("GET", "settings/"), Answer::new(200, settings.clone()))
        .answer(&app("POST", "settings/"), Answer::new(201, settings))
        .answer(&app("GET", "builds/"), Answer::new(200, page(1, json!([build(BUILD, "succeeded", None)]))))
        .answer(&app("POST", "builds/"), Answer::new(201, build(BUILD, "succeeded", None)))
        .answer(&app("GET", &format!("builds/{BUILD}/")), Answer::new(200, build(BUILD, "succeeded", None)))
        .answer(&app("GET", &format!("builds/{BUILD}/log")), text("-----> Go app detected\n"))
        .answer(&app("DELETE", "builds/running/"), Answer::new(200, json!({"sha": "acaa8a5f2e5b8e6a"})))
        .answer(&app("DELETE", "builds/cache/"), Answer::new(200, json!({"bytes": 12_900_000})))
        .answer(&app("GET", "logs"), text("earthy-instinct-v4-web-ppog6 -- 2016/02/20 23:18:03 10.2.62.0 GET /\n"))
        .answer(&app("POST", "run/"), Answer::new(200, json!({"exit_code": 0, "output": "Procfile\nmain.go\n"})))
        .answer(&app("POST", "pods/restart/"), Answer::new(200, restarted))
}

/// The same, whose lists of settings are of this command.
fn willing_to(name: &str) -> StubBuilder {
    let probe = json!({"web/cmd": {"livenessProbe": {"httpGet": {"port": 5000}}}});
    let (part, entries) = match name.split(':').next().unwrap() {
        "healthchecks" => ("healthcheck", probe),
        "limits" => ("memory", json!({"web": "512M"})),
        "registry" => ("registry", json!({"username": "bob"})),
        "tags" => ("tags", json!({"disk": "ssd"})),
        "timeouts" => ("termination_grace_period", json!({"worker": "300"})),
        _ => return willing(),
    };
    let answer = |status| Answer::new(status, config_of(part, entries.clone()));
    let endpoint = |method: &str| format!("{method} /v2/apps/earthy-instinct/config/");
    willing().answer(&endpoint("GET"), answer(200)).answer(&endpoint("POST"), answer(201))
}

/// A controller that refuses what names nothing that could be missing.
fn unwilling() -> StubBuilder {
    let taken = Answer::new(400, json!({"id": ["Application with this id already exists."]})).code("already-exists");
    let closed = Answer::new(403, json!({"detail": "Registration is disabled"})).code("permission-denied");
    let wrong = Answer::new(400, json!({"non_field_errors": ["Unable to log in with provided credentials."]}));
    let wrong_password = Answer::new(401, json!({"detail": "Current password does not match"}));
    let forbidden = Answer::new(403, json!({"detail": "You do not have permission to perform this action."}));
    let no_key = Answer::new(404, json!("No Key matches the given query.")).code("not-found");
    let no_certificate = Answer::new(404, json!("No Certificate matches the given query.")).code("not-found");
    StubBuilder::new()
        .answer("GET /v2/certs/none", no_certificate.clone())
        .answer("DELETE /v2/certs/none", no_certificate.clone())
        .answer("POST /v2/certs/none/domain/", no_certificate.clone())
        .answer("DELETE /v2/certs/none/domain/www.example.com", no_certificate)
        .answer("POST /v2/apps/", taken)
        .answer("DELETE /v2/keys/none", no_key)
        .answer("POST /v2/auth/register/", closed)
        .answer("POST /v2/auth/login/", wrong)
        .answer("POST /v2/auth/passwd/", wrong_password)
        .answer("POST /v2/auth/tokens/", forbidden)
}

/// With what the commands take from their machine: a repository with the app's remote, a key, an environment, an editor, a browser.
fn machine(name: &str, stub: StubBuilder) -> Machine {
    let machine = Machine::logged_in(stub);
    machine.write("project/id_ed25519.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA bob@laptop\n");
    machine.write("project/chain.pem", "-----BEGIN CERTIFICATE-----\n");
    machine.write("project/key.pem", "-----BEGIN PRIVATE KEY-----\n");
    if name == "config:push" {
        machine.write("project/.env", "POWERED_BY=Kubernetes\n");
    }
    for (program, script) in [("editor", "echo POWERED_BY=Kubernetes >> \"$1\""), ("xdg-open", "true")] {
        machine.write(&format!("bin/{program}"), &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(machine.path(&format!("bin/{program}")), Permissions::from_mode(0o755)).unwrap();
    }
    if name.starts_with("git:") {
        machine.git(&["init", "-q"]);
    }
    if name == "git:remove" {
        machine.git(&["remote", "add", "deis", "ssh://git@deis-builder.example.com:2222/earthy-instinct.git"]);
    }
    machine
}

/// What a person sees on a terminal so many columns wide, whose mark does not move.
fn on_terminal(machine: &Machine, columns: u16, line: &str) -> String {
    let shown = read_to_end(&mut on_terminal_of(machine, columns, line, "TERM=dumb EDITOR=editor"));
    format!("$ deis {line}\n{}\n", machine.neutral(&shown))
}

fn clipped(name: &str, text: String) -> String {
    let (long, most) = LONG;
    if !long.contains(&name) {
        return text;
    }
    let mut lines = text.lines();
    let first = lines.by_ref().take(most).map(|line| format!("{line}\n")).collect::<String>();
    if lines.next().is_some() { first + "…\n\n" } else { first + "\n" }
}

/// Help, success and failure as a program reads them; help and success on a narrow terminal.
fn told(name: &str, success: &str, failure: &str) -> String {
    let line = |rest: &str| {
        let words = rest.split(' ').map(|word| match word {
            "APP" => "-a earthy-instinct",
            "TYPO" => "-a earthy-instict",
            "USER" => USER,
            "BUILD" => BUILD,
            word => word,
        });
        format!("{name} {}", words.collect::<Vec<_>>().join(" ")).trim_end().to_owned()
    };
    let (help, success, failure) = (format!("{name} --help"), line(success), line(failure));
    let willing = || machine(name, willing_to(name));
    let reader = willing();
    // An editor wants a terminal: that there is none is its failure.
    let succeeded =
        if name == "config:edit" { on_terminal(&willing(), 120, &success) } else { willing().run(&success) };
    let sections = [
        ("help", reader.run(&help)),
        ("success", succeeded),
        ("failure", machine(name, unwilling()).run(&failure)),
        ("narrow help", on_terminal(&reader, NARROW, &help)),
        ("narrow success", on_terminal(&willing(), NARROW, &success)),
    ];
    let text = sections.map(|(title, text)| format!("##### {title}\n{}", clipped(name, text))).concat();
    text.replace(env!("CARGO_PKG_VERSION"), "{version}")
}

#[test]
fn each_is_shown_in_all_its_forms() {
    for (name, success, failure) in EXAMPLES {
        insta::assert_snapshot!(name.replace(':', "_"), told(name, success, failure));
    }
}

#[test]
fn none_is_left_out() {
    let mut commands = Machine::usual().commands();
    commands.sort_unstable();
    let shown = EXAMPLES.iter().map(|(name, ..)| *name);
    let mut expected = shown.clone().chain(ELSEWHERE.iter().map(|(name, _)| *name)).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(commands, expected, "the commands there are, and those that have examples");

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files = files.filter(|file| file.starts_with("cli__commands__")).collect::<Vec<_>>();
    files.sort_unstable();
    let mut expected = shown.map(|name| format!("cli__commands__{}.snap", name.replace(':', "_"))).collect::<Vec<_>>();
    expected.sort_unstable();
    assert_eq!(files, expected, "the snapshots there are, and those of commands");
    for snapshot in ELSEWHERE.iter().flat_map(|(_, snapshots)| snapshots) {
        assert!(folder.join(format!("cli__{snapshot}.snap")).exists(), "{snapshot}");
    }
}
