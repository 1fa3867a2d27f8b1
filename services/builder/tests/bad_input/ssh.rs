//! Keys that are not known, and all that SSH can do besides running git.

use std::path::PathBuf;

use futures_util::FutureExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;

use super::common::{self, Ended};
use super::world::{World, app, assert_lines};

const PUSH: &str = "git-receive-pack '/app.git'";

/// What is wrong, options, and the command.
const COMMANDS: &[(&str, &[&str], &[&str])] = &[
    ("a shell", &[], &[]),
    ("another command", &[], &["id"]),
    ("another part of git", &[], &["git-upload-archive '/app.git'"]),
    ("what git-lfs asks for", &[], &["git-lfs-authenticate app.git upload"]),
    ("a command behind git", &[], &["git-receive-pack '/app.git'; id"]),
    ("a command inside of the name", &[], &["git-receive-pack '/$(id).git'"]),
    ("a path that climbs", &[], &["git-receive-pack '../../etc'"]),
    ("an option instead of a name", &[], &["git-upload-pack --help"]),
    ("a command that is no text", &[], &["git-receive-pack '/\u{fffd}.git'\u{7}"]),
    ("a subsystem", &["-s"], &["sftp"]),
    ("a terminal", &["-tt"], &[]),
    ("a terminal for a command", &["-tt"], &["id"]),
    ("a tunnel through standard input", &["-W", "127.0.0.1:1"], &[]),
    ("a tunnel from there", &["-N", "-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"], &[]),
    ("a network device", &["-N", "-w", "any", "-o", "ExitOnForwardFailure=yes"], &[]),
    ("variables of the environment", &["-o", "SetEnv=GIT_DIR=/ LD_PRELOAD=/x"], &["id"]),
    ("a password", &["-o", "PreferredAuthentications=password"], &[PUSH]),
    ("questions and answers", &["-o", "PreferredAuthentications=keyboard-interactive"], &[PUSH]),
    ("no proof at all", &["-o", "PreferredAuthentications=none"], &[PUSH]),
    ("old ciphers", &["-o", "Ciphers=aes128-cbc"], &[PUSH]),
    ("old key exchanges", &["-o", "KexAlgorithms=diffie-hellman-group1-sha1"], &[PUSH]),
];

#[tokio::test]
async fn keys_and_sessions() {
    let world = World::start(&[]).await;
    let own = std::slice::from_ref(&world.key);
    let unknown = unknown_keys(&world, 12).await;
    let commands = COMMANDS.iter().map(|(what, options, command)| asked(&world, what, options, command).boxed());
    let pushes = [
        pushed(&world, "a key that nobody has registered", "shop", false, keys(&unknown[..1]), &[]).boxed(),
        pushed(&world, "more keys than may be tried", "shop", false, keys(&unknown), &[]).boxed(),
        pushed(&world, "two keys, the second is known", "", true, keys(&[unknown[0].clone(), world.key.clone()]), &[])
            .boxed(),
        pushed(&world, "an agent and a display that are forwarded", "", true, keys(own), &["-A", "-Y"]).boxed(),
        pushed(&world, "an app that does not exist", "missing", false, keys(own), &[]).boxed(),
        pushed(&world, "an app of somebody else's", "foreign", false, keys(own), &[]).boxed(),
        pushed(&world, "an app that cannot be", "My_Shop", false, keys(own), &[]).boxed(),
        tunnel(&world).boxed(),
    ];
    world.builder.controller.missing.lock().insert("missing".to_owned());
    world.builder.controller.foreign.lock().insert("foreign".to_owned());
    let lines = world.table(commands.chain(pushes)).await;
    assert_lines!(lines);
    // Reading is asked for in its own words.
    let url = world.builder.url("foreign");
    let read =
        common::run("git", &["ls-remote", &url], world.builder.root.path(), &world.builder.git_env(&world.key)).await;
    assert!(read.stderr.contains("You may not read foreign."), "{read:?}");
}

async fn asked(world: &World, what: &str, options: &[&str], command: &[&str]) -> String {
    let usual = world.builder.ssh_options(&world.key);
    // Of an option that is given twice, the first counts.
    let arguments = ["-o", "LogLevel=INFO"].into_iter().chain(options.iter().copied());
    let arguments = arguments.chain(usual.iter().map(String::as_str)).chain(["git@127.0.0.1"]);
    let arguments = arguments.chain(command.iter().copied()).collect::<Vec<_>>();
    world.judged(what, false, || common::run("ssh", &arguments, world.builder.root.path(), &[])).await
}

async fn unknown_keys(world: &World, count: usize) -> Vec<PathBuf> {
    let mut keys = Vec::new();
    for number in 0..count {
        let key = world.builder.user(&format!("stranger-{number}"), "ed25519").await;
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        world.builder.controller.forget(public.split(' ').nth(1).unwrap());
        keys.push(key);
    }
    keys
}

fn keys(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().flat_map(|path| ["-i".to_owned(), path.display().to_string()]).collect()
}

/// A push to `to`, or to the row's own app, with these keys in this order.
async fn pushed(world: &World, what: &str, to: &str, works: bool, keys: Vec<String>, options: &[&str]) -> String {
    let name = app(what);
    let to = if to.is_empty() { &name } else { to };
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    let mut ssh = world.builder.ssh_options(&world.key);
    let own = ssh.iter().position(|argument| argument == "-i").unwrap();
    ssh.splice(own..own + 2, keys);
    ssh.extend(options.iter().map(|option| (*option).to_owned()));
    // `ssh-agent` lends its socket for as long as the client runs.
    let env = [
        ("GIT_SSH_COMMAND".to_owned(), format!("ssh-agent ssh {}", ssh.join(" "))),
        ("DISPLAY".to_owned(), ":9".to_owned()),
    ];
    let url = world.builder.url(to);
    let arguments = ["push", &url, "master"];
    world.judged(what, works, || common::run("git", &arguments, &repository.path, &env)).await
}

/// A local socket whose other end would be there.
async fn tunnel(world: &World) -> String {
    let what = "a tunnel to there";
    world
        .judged(what, false, || async {
            let socket = world.builder.root.path().join("tunnel");
            let forward = format!("{}:127.0.0.1:1", socket.display());
            let usual = world.builder.ssh_options(&world.key);
            let arguments = ["-v", "-N", "-L", &forward].into_iter().chain(usual.iter().map(String::as_str));
            let arguments = arguments.chain(["git@127.0.0.1"]).collect::<Vec<_>>();
            let mut client = common::command("ssh", &arguments, world.builder.root.path(), &[]).spawn().unwrap();
            let mut lines = BufReader::new(client.stderr.take().unwrap()).lines();
            let mut stderr = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.contains("Entering interactive session") {
                    let mut stream = UnixStream::connect(&socket).await.unwrap();
                    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "there is something at the other end");
                    client.start_kill().unwrap();
                } else if line.contains("open failed") {
                    stderr.push_str(&line);
                }
            }
            client.wait().await.unwrap();
            Ended { status: None, stdout: String::new(), stderr }
        })
        .await
}
