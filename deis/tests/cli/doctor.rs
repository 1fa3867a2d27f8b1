use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::stub::{Answer, StubBuilder, key, page};
use crate::transcript::Machine;

const LAPTOP: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA somebody@somewhere\n";
const REMOTE: &str = "ssh://git@deis-builder.example.com:2222/earthy-instinct.git";

/// What listens where ssh says that the builder is; it ends when dropped.
struct Builder {
    port: u16,
    _runtime: Runtime,
}

impl Builder {
    /// Greets everybody with `banner`.
    fn start(banner: &'static [u8]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(banner).await.unwrap();
            }
        });
        Self { port, _runtime: runtime }
    }

    fn ssh() -> Self {
        Self::start(b"SSH-2.0-builder\r\n")
    }
}

/// A program of the machine that prints `text`.
fn program(machine: &Machine, name: &str, text: &str) {
    machine.write(&format!("bin/{name}"), &format!("#!/bin/sh\nprintf '{text}'\n"));
    fs::set_permissions(machine.path(&format!("bin/{name}")), Permissions::from_mode(0o755)).unwrap();
}

/// Logged in, with a key that is uploaded, in a repository with the app's remote.
fn healthy(stub: StubBuilder, builder: &Builder) -> Machine {
    let machine = Machine::logged_in(stub);
    machine.write("home/.ssh/id_ed25519.pub", LAPTOP);
    route(&machine, builder.port);
    machine.git(&["init", "-q"]);
    machine.git(&["remote", "add", "deis", REMOTE]);
    machine
}

/// What ssh says about the way to the builder.
fn route(machine: &Machine, port: u16) {
    program(machine, "ssh", &format!("hostname 127.0.0.1\\nport {port}\\n"));
}

/// `deis doctor …` without the port and the version that differ from machine to machine.
fn examine(machine: &Machine, line: &str, environment: &[(&str, &str)], builder: &Builder) -> String {
    let text = machine.run_with(line, environment, "");
    let text = text.replace(&format!("127.0.0.1:{}", builder.port), "127.0.0.1:{builder}");
    let text = text.replace(&machine.stub.address.to_string(), "127.0.0.1:{controller}");
    let Some((before, rest)) = text.split_once("git version ") else { return text };
    let version = rest.find(['\n', '"']).unwrap();
    format!("{before}git version {{version}}{}", &rest[version..])
}

fn told(stub: StubBuilder) -> String {
    let builder = Builder::ssh();
    examine(&healthy(stub, &builder), "doctor", &[], &builder)
}

#[test]
fn where_all_is_well_each_check_says_what_it_found() {
    let builder = Builder::ssh();
    let machine = healthy(StubBuilder::new(), &builder);
    let lines = ["doctor", "doctor --output json", "doctor --output yaml"];
    insta::assert_snapshot!(lines.map(|line| examine(&machine, line, &[], &builder)).concat());
}

#[test]
fn its_help_says_what_it_is_for() {
    insta::assert_snapshot!(Machine::usual().run("help doctor"));
}

#[test]
fn without_a_login_there_is_little_to_check() {
    let builder = Builder::ssh();
    let machine = Machine::fresh(StubBuilder::new());
    let fresh = examine(&machine, "doctor", &[], &builder);
    let json = examine(&machine, "doctor --output json", &[], &builder);
    let bad = examine(&machine, "doctor", &[("DEIS_CONTROLLER", "ftp://x"), ("DEIS_TOKEN", "abc")], &builder);
    insta::assert_snapshot!(fresh + &json + &bad);
}

#[test]
fn a_token_of_the_environment_is_not_shown() {
    let builder = Builder::ssh();
    let machine = Machine::fresh(StubBuilder::new());
    route(&machine, builder.port);
    let controller = machine.stub.address.to_string();
    let environment = [("DEIS_CONTROLLER", controller.as_str()), ("DEIS_TOKEN", "s3cret"), ("http_proxy", "")];
    let told = examine(&machine, "doctor", &environment, &builder).replace("token s3cret", "token (s.)");
    assert!(!told.contains("s3cret"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn a_name_that_nobody_knows_is_told() {
    let builder = Builder::ssh();
    let machine = healthy(StubBuilder::new(), &builder);
    // Longer than a label may be: no name server is asked.
    let controller = format!("http://{}.example.com", "d".repeat(64));
    let told = examine(
        &machine,
        "doctor -c other",
        &[("DEIS_CONTROLLER", &controller), ("DEIS_TOKEN", "abc"), ("http_proxy", "")],
        &builder,
    );
    insta::assert_snapshot!(told.replace(&"d".repeat(64), "{long}"));
}

#[test]
fn a_controller_that_is_not_there_is_told() {
    let builder = Builder::ssh();
    let machine = healthy(StubBuilder::new(), &builder);
    // A port that was ours a moment ago: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    insta::assert_snapshot!(examine(&machine, "doctor", &[("http_proxy", &format!("http://{free}"))], &builder));
}

#[test]
fn a_controller_that_says_nothing_is_given_up() {
    let told = told(StubBuilder::new().holding());
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_no_controller_and_what_is_another_version_is_told() {
    let other = told(StubBuilder::new().answer("GET /v2/", Answer::new(200, json!("hello"))));
    let older = told(StubBuilder::new().api_version("2.2"));
    insta::assert_snapshot!(other + &older);
}

#[test]
fn an_old_token_is_told() {
    let refusal = Answer::new(401, json!({"detail": "Invalid token."}));
    insta::assert_snapshot!(told(StubBuilder::new().answer("GET /v2/auth/whoami/", refusal)));
}

#[test]
fn a_key_that_is_not_uploaded_is_told_and_one_that_is_missing() {
    let others = Answer::new(200, page(1, json!([key("ci")])));
    let builder = Builder::ssh();
    let machine = healthy(StubBuilder::new().answer("GET /v2/keys/", others), &builder);
    machine.write("home/.ssh/id_ed25519.pub", "ssh-ed25519 BBBB bob@laptop\n");
    let unknown = examine(&machine, "doctor", &[], &builder);
    fs::remove_file(machine.path("home/.ssh/id_ed25519.pub")).unwrap();
    let missing = examine(&machine, "doctor", &[], &builder);
    program(&machine, "ssh-add", "ssh-ed25519 CCCC card\\n");
    let of_agent = examine(&machine, "doctor", &[], &builder);
    insta::assert_snapshot!(unknown + &missing + &of_agent);
}

#[test]
fn a_builder_that_is_not_there_or_is_something_else_is_told() {
    let other = Builder::start(b"220 mail.example.com ESMTP\r\n");
    let machine = healthy(StubBuilder::new(), &other);
    let other = examine(&machine, "doctor", &[], &other);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    route(&machine, free);
    let missing = machine.run("doctor").replace(&free.to_string(), "{free}");
    program(&machine, "ssh", "hostname inside.example.com\\nport 2222\\nproxyjump bastion.example.com\\n");
    let indirect = machine.run("doctor");
    let only = |text: &str| text.lines().filter(|line| line.contains("builder")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!([other, missing, indirect].map(|text| only(&text)).join("\n"));
}

#[test]
fn without_git_and_ssh_nothing_can_be_pushed() {
    let machine = Machine::usual();
    let path = machine.path("bin");
    insta::assert_snapshot!(machine.run_with("doctor", &[("PATH", path.to_str().unwrap())], ""));
}

#[test]
fn an_app_of_others_and_one_that_is_gone_are_told() {
    let refusal = json!({"detail": "You do not have permission to perform this action."});
    let forbidden = Answer::new(403, refusal).code("permission-denied");
    let gone = Answer::new(404, json!("No App matches the given query.")).code("not-found");
    let told = [forbidden, gone].map(|answer| told(StubBuilder::new().answer("GET /v2/apps/earthy-instinct/", answer)));
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_repository_of_something_else_has_nothing_to_check() {
    let builder = Builder::ssh();
    let machine = healthy(StubBuilder::new(), &builder);
    machine.git(&["remote", "set-url", "deis", "ssh://git@github.example.com/other.git"]);
    insta::assert_snapshot!(examine(&machine, "doctor", &[], &builder));
}

#[test]
fn ctrl_c_ends_it() {
    let machine = Machine::logged_in(StubBuilder::new().holding());
    let mut command = machine.deis();
    let child = command.arg("doctor").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    machine.stub.asked.recv().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "Interrupted: not everything was checked\n");
}
