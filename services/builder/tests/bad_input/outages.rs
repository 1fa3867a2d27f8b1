//! Those whom the builder leans on are away, or too slow.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use super::common::{self, Behaviour, Ended};
use super::packs;
use super::world::{Push, World, app, assert_lines, tell};

fn away(what: &'static str, behaviour: Behaviour) -> Push {
    Push { what, behaviour, ..Push::default() }
}

#[tokio::test]
async fn peers_that_are_away() {
    let world = World::start(&[]).await;
    *world.builder.controller.unreachable.lock() = true;
    let controller = world.push(away("the controller is away", Behaviour::Builds)).await;
    *world.builder.controller.unreachable.lock() = false;
    *world.builder.locks.away.lock() = true;
    let state = world.push(away("the state service is away", Behaviour::Builds)).await;
    *world.builder.locks.away.lock() = false;
    let kubernetes = world.push(away("Kubernetes is away", Behaviour::NoPod)).await;
    world.end().await;

    let world = World::start(&["--registry=http://127.0.0.1:1"]).await;
    let registry = world.push(away("the registry is away", Behaviour::Builds)).await;
    world.end().await;

    let world = World::start(&["--build-timeout=1"]).await;
    let late = world.push(away("a build that takes too long", Behaviour::Hangs)).await;
    world.end().await;

    let world = World::start(&["--build-timeout=1", "--push-timeout=1"]).await;
    let endless = endless(&world).await;
    world.end().await;

    let lines = [controller, state, kubernetes, registry, late, endless];
    tell(lines.len());
    assert_lines!(lines);
}

/// git is killed in the middle of its work then.
async fn endless(world: &World) -> String {
    let what = "a push that never ends";
    let name = app(what);
    let pack = [&b"PACK\0\0\0\x02\0\0\0\x01"[..], &[0x30]].concat();
    let command = format!("git-receive-pack '/{name}.git'");
    let usual = world.builder.ssh_options(&world.key);
    let arguments = usual.iter().map(String::as_str).chain(["git@127.0.0.1", &command]).collect::<Vec<_>>();
    world
        .judged(what, false, || async {
            let root = world.builder.root.path();
            let mut client = common::command("ssh", &arguments, root, &[]).stdin(Stdio::piped()).spawn().unwrap();
            let mut stdin = client.stdin.take().unwrap();
            let input = [packs::command(&"1".repeat(40), "refs/heads/master"), pack].concat();
            stdin.write_all(&input).await.unwrap();
            let output = client.wait_with_output().await.unwrap();
            drop(stdin);
            Ended {
                status: output.status.code(),
                stdout: packs::report(&output.stdout).join("\n"),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        })
        .await
}
