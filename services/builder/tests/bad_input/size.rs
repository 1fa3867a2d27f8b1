//! Sources that are big in one way or the other. Each is built or refused, soon.

use std::fmt::Write as _;
use std::fs::File;
use std::time::Duration;

use deis_bootstrap::deadline;
use futures_util::FutureExt as _;

use super::common;
use super::world::{World, app, assert_lines};

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn many_files_and_big_ones() {
    let world = World::start(&["--max-source-bytes=67108864", "--max-push-bytes=8388608"]).await;
    let lines = world.table([files(&world).boxed(), zeros(&world).boxed(), random(&world).boxed()]).await;
    assert_lines!(lines);
    // What was in the way leaves nothing behind, and takes nothing from those who come after.
    let repository = world.repository("after", &[("Procfile", "web: x\n")]).await;
    let push = world.builder.push(&repository, &world.key, "after", &["master"]);
    assert_eq!(deadline(Duration::from_secs(30), push).await.unwrap().status, Some(0));
}

async fn files(world: &World) -> String {
    let what = "a hundred thousand files";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    let mut stream =
        "commit refs/heads/many\ncommitter Jason <jason@example.com> 1700000000 +0000\ndata 4\nmany\n".to_owned();
    for number in 0..100_000 {
        writeln!(stream, "M 100644 inline f/{}/{}.txt\ndata 0\n", number / 1000, number % 1000).unwrap();
    }
    let imported = common::feed("git", &["fast-import", "--quiet"], &repository.path, &[], stream.as_bytes()).await;
    assert!(imported.status.success(), "{imported:?}");
    let line = world.judged(what, true, || world.builder.push(&repository, &world.key, &name, &["many:master"])).await;
    assert!(world.builder.runner.seen().source > 100_000 * 512);
    line
}

/// Half a megabyte on its way here, a thousand times as much on its way to the pod.
async fn zeros(world: &World) -> String {
    let what = "a file of 500 MiB of zeros";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    File::create(repository.path.join("zeros")).unwrap().set_len(500 * MIB).unwrap();
    repository.git(&["-c", "core.compression=1", "-c", "core.bigFileThreshold=1m", "add", "zeros"]).await;
    repository.git(&["commit", "--quiet", "--message=zeros"]).await;
    world.judged(what, false, || world.builder.push(&repository, &world.key, &name, &["master"])).await
}

async fn random(world: &World) -> String {
    let what = "a push of nine MiB";
    let name = app(what);
    let repository = world.repository(&name, &[("Procfile", "web: x\n")]).await;
    let mut random = std::io::Read::take(File::open("/dev/urandom").unwrap(), 9 * MIB);
    std::io::copy(&mut random, &mut File::create(repository.path.join("random")).unwrap()).unwrap();
    repository.commit(&[]).await;
    world.judged(what, false, || world.builder.push(&repository, &world.key, &name, &["master"])).await
}
