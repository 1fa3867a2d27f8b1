//! Sources that cannot be built, and builds that end badly.

use deis_api::Code;
use futures_util::FutureExt as _;

use super::common::{self, Behaviour};
use super::world::{Push, World, app, assert_lines};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

fn fails(what: &'static str, behaviour: Behaviour) -> Push {
    Push { what, behaviour, ..Push::default() }
}

fn holds(what: &'static str, files: &'static [(&'static str, &'static str)]) -> Push {
    Push { what, files, works: true, ..Push::default() }
}

fn pushes() -> Vec<Push> {
    vec![
        fails(
            "nothing detected",
            Behaviour::Refuses(
                Code::NothingDetected,
                "None of the buildpacks of this platform (Go, Static) knows what to do with this source.",
            ),
        ),
        fails(
            "a broken Procfile",
            Behaviour::Refuses(Code::SourceInvalid, "Procfile cannot be read: it must be a map of type: command."),
        ),
        fails(
            "a Procfile without a command",
            Behaviour::Refuses(
                Code::SourceInvalid,
                "Procfile cannot be read: \"web\": Command can't be empty for process type.",
            ),
        ),
        fails("a build that fails", Behaviour::Fails),
        fails("a pod that fills its memory", Behaviour::NeverArrives),
        fails(
            "a pod that fills its disk",
            Behaviour::Vanishes(
                Code::BuildOutOfRoom,
                "The build was evicted from its node: Pod ephemeral local storage usage exceeds the total limit of containers 8Gi.",
            ),
        ),
        fails(
            "a pod that is deleted",
            Behaviour::Vanishes(Code::BuildCancelled, "The build pod was deleted while it was building. Push again."),
        ),
        fails("an image that never ends", Behaviour::Endless),
        fails("a layer with a file where none may be", Behaviour::Evil),
        fails("a layer that is not what it is said to be", Behaviour::Lies),
        Push {
            prepared: &[&["commit", "--quiet", "--allow-empty", "--amend", "--message=UTF-8: gr\u{fc}\u{df} dich"]],
            behaviour: Behaviour::Prints("       Gr\u{fc}\u{df}e, \u{4f60}\u{597d} \u{1f600}"),
            env: &[("LANG", "C"), ("LC_ALL", "C")],
            ..holds("UTF-8 and a client in C", &[("gr\u{fc}\u{df}e \u{4f60}\u{597d}.txt", "x"), ("a\nb", "x")])
        },
        Push {
            behaviour: Behaviour::Prints("\u{1b}[2J\u{1b}]0;owned\u{7}\rremote: Done, fake:v9 deployed to Deis"),
            ..holds("a buildpack that paints the terminal", &[("Procfile", "web: x")])
        },
        Push {
            prepared: &[
                &["update-index", "--add", "--cacheinfo", "160000,1111111111111111111111111111111111111111,vendor/lib"],
                &["commit", "--quiet", "--amend", "--message=submodule"],
            ],
            ..holds("a submodule", &[(".gitmodules", "[submodule \"lib\"]\n\tpath = vendor/lib\n\turl = ../lib.git\n")])
        },
        Push {
            prepared: &[],
            ..holds("files of Git LFS", &[("logo.png", POINTER), ("photo.png", POINTER), ("Procfile", "web: x\n")])
        },
        Push { first: &["master"], ..holds("a second commit", &[("Procfile", "web: serve\n")]) },
    ]
}

#[tokio::test]
async fn sources_and_builds() {
    let world = World::start(&["--max-image-bytes=1048576"]).await;
    let rows = pushes().into_iter().map(|push| world.push(push).boxed());
    let lines = world.table(rows.chain([symlinks(&world).boxed(), interrupted(&world).boxed()])).await;
    assert_lines!(lines);
}

/// They are resolved inside of the container, so that they may point anywhere.
async fn symlinks(world: &World) -> String {
    let what = "symlinks out of the tree";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    for (target, link) in [("/etc/passwd", "absolute"), ("../../../etc/passwd", "relative"), (".", "itself")] {
        std::os::unix::fs::symlink(target, repository.path.join(link)).unwrap();
    }
    repository.commit(&[]).await;
    world.judged(what, true, || world.builder.push(&repository, &world.key, &name, &["master"])).await
}

/// Ctrl-C in the middle of a build: its pod goes, and a build that was cancelled is all that is known of it.
async fn interrupted(world: &World) -> String {
    let what = "Ctrl-C in the middle of a build";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    world.builder.runner.behave_for(&name, Behaviour::Hangs);
    let line = world
        .judged(what, false, || async {
            let client = world.builder.begin_push(&repository, &world.key, &name);
            world.builder.runner.sees(|seen| seen.apps.contains(&name)).await;
            common::interrupt(client).await;
            common::Ended { status: None, stdout: String::new(), stderr: String::new() }
        })
        .await;
    world.builder.runner.behave_for(&name, Behaviour::Builds);
    let again = world.builder.push(&repository, &world.key, &name, &["master"]).await;
    assert_eq!(again.status, Some(0), "{again:?}");
    line
}
