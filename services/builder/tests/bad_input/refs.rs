//! Refs that are not built, however they are called, and histories that are not whole.

use std::fmt::Write as _;

use futures_util::FutureExt as _;

use super::common::{self, Behaviour, Client};
use super::world::{Push, World, app, assert_lines};

fn refused(what: &'static str, refspecs: &'static [&'static str]) -> Push {
    Push { what, refspecs, first: &["master"], ..Push::default() }
}

fn optioned(what: &'static str, options: &'static [&'static str]) -> Push {
    Push { what, options, ..Push::default() }
}

const LONG: &str = "master:refs/heads/\
    long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-\
    long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-\
    long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-long-x";

fn pushes() -> Vec<Push> {
    let tagged = |what, refspecs| Push { prepared: &[&["tag", "v1"]], ..refused(what, refspecs) };
    vec![
        refused("another branch", &["master:feature/x"]),
        tagged("a tag", &["v1"]),
        tagged("a branch and a tag", &["master", "v1"]),
        Push {
            prepared: &[&["tag", "--annotate", "--message=first", "v1"]],
            refspecs: &["v1:refs/heads/master"],
            first: &[],
            ..refused("a tag that is pushed as a branch", &[])
        },
        refused("a branch that is deleted", &[":master"]),
        refused("both branches at once", &["master:main", "master:master"]),
        refused("a ref of another kind", &["master:refs/notes/x"]),
        refused("a ref with a shell's words", &["master:refs/heads/$(touch${IFS}/tmp/x);id|sh&'\"`"]),
        refused("a ref that looks like an option", &["master:refs/heads/--upload-pack=id"]),
        refused("a ref beyond ASCII", &["master:refs/heads/\u{4f60}\u{597d}-\u{202e}x"]),
        refused("a ref that is very long", &[LONG]),
        refused("a ref that is not", &["master:refs/heads/a..b"]),
        refused("a branch below master", &["master:refs/heads/master/x"]),
        Push {
            what: "a push that is forced",
            first: &["master"],
            prepared: &[&["commit", "--quiet", "--allow-empty", "--message=old"]],
            options: &["--force"],
            refspecs: &["master~2:master"],
            works: true,
            ..Push::default()
        },
        Push {
            what: "a push back without force",
            first: &["master"],
            prepared: &[&["commit", "--quiet", "--allow-empty", "--message=old"]],
            refspecs: &["master~2:master"],
            ..Push::default()
        },
        optioned("an option of a push", &["--push-option=; rm -rf /"]),
        optioned("an option with a line break", &["--push-option=a\nb"]),
        optioned("options that are many", &["--push-option=a"; 1000]),
        optioned("a push that is signed", &["--signed=yes"]),
        Push { works: true, ..optioned("a push that is atomic", &["--atomic"]) },
        Push { options: &["--receive-pack=sh -c id"], what: "another program", ..Push::default() },
    ]
}

#[tokio::test]
async fn refs_and_options() {
    let world = World::start(&[]).await;
    let rows = pushes().into_iter().map(|push| world.push(push).boxed());
    let others = [many(&world).boxed(), shallow(&world).boxed(), grafted(&world).boxed()];
    let others = others.into_iter().chain([second(&world).boxed(), left(&world).boxed()]);
    let lines = world.table(rows.chain(others)).await;
    assert_lines!(lines);
}

async fn many(world: &World) -> String {
    let what = "two thousand refs";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    let mut refs = String::new();
    for number in 0..2000 {
        writeln!(refs, "create refs/heads/b{number} {sha}").unwrap();
    }
    common::feed("git", &["update-ref", "--stdin"], &repository.path, &[], refs.as_bytes()).await;
    world
        .judged(what, false, || world.builder.push(&repository, &world.key, &name, &["refs/heads/*:refs/heads/*"]))
        .await
}

/// A clone of one commit of three.
async fn shallow(world: &World) -> String {
    let what = "a shallow clone";
    let name = app(what);
    let clone = shallow_clone(world, &name).await;
    let line = world.judged(what, false, || world.builder.push(&clone, &world.key, &name, &["master"])).await;
    clone.git(&["fetch", "--quiet", "--unshallow"]).await;
    let again = world.builder.push(&clone, &world.key, &name, &["master"]).await;
    assert_eq!(again.status, Some(0), "what the sentence says does not help: {again:?}");
    line
}

/// A shallow clone of what is there as a whole.
async fn grafted(world: &World) -> String {
    let what = "a shallow clone of what is known";
    let name = app(what);
    let clone = shallow_clone(world, &name).await;
    let origin = common::Repository { path: world.builder.root.path().join(format!("{name}-origin")) };
    let first = world.builder.push(&origin, &world.key, &name, &["master"]).await;
    assert_eq!(first.status, Some(0), "{first:?}");
    clone.commit(&[("more", "more")]).await;
    world.judged(what, true, || world.builder.push(&clone, &world.key, &name, &["master"])).await
}

async fn shallow_clone(world: &World, name: &str) -> common::Repository {
    let origin = world.repository(&format!("{name}-origin"), &[("Procfile", "web: x\n")]).await;
    origin.commit(&[("Procfile", "web: y\n")]).await;
    origin.commit(&[("Procfile", "web: z\n")]).await;
    let url = format!("file://{}", origin.path.display());
    let root = world.builder.root.path();
    let cloned = common::run("git", &["clone", "--quiet", "--depth=1", &url, name], root, &[]).await;
    assert_eq!(cloned.status, Some(0), "{cloned:?}");
    common::Repository { path: root.join(name) }
}

/// Who comes second hears who is first, and since when.
async fn second(world: &World) -> String {
    let what = "a second push while one runs";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    world.builder.runner.behave_for(&name, Behaviour::Hangs);
    let first = world.builder.begin_push(&repository, &world.key, &name);
    world.builder.runner.sees(|seen| seen.apps.contains(&name)).await;
    world
        .judged(what, false, || async {
            let second = world.builder.push(&repository, &world.key, &name, &["master"]).await;
            common::interrupt(first).await;
            second
        })
        .await
}

/// Nobody pushes, but the lock of one who did is still there.
async fn left(world: &World) -> String {
    let what = "a push after the builder died in one";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    world.builder.locks.leave(&name);
    let mut told = String::new();
    let line = world
        .judged(what, true, || async {
            let begin = async || {
                let mut client = Client::new(world.builder.begin_push(&repository, &world.key, &name));
                client.prints("waiting until its lock ends").await;
                client
            };
            begin().await.interrupt().await;
            world.builder.locks.nobody_waits().await;
            let client = begin().await;
            world.builder.locks.expire(&name);
            let ended = client.ended().await;
            told =
                ended.stderr.lines().take_while(|line| !line.starts_with("remote: ")).collect::<Vec<_>>().join(" | ");
            ended
        })
        .await;
    format!("{line} [first: {told}]")
}
