//! Clients that speak git's protocol, but not as git does.

use futures_util::FutureExt as _;

use super::common::{self, Ended, Repository};
use super::world::{World, app, assert_lines};

const ZERO: &str = "0000000000000000000000000000000000000000";

fn line(payload: &str) -> Vec<u8> {
    format!("{:04x}{payload}", payload.len() + 4).into_bytes()
}

/// What a client sends to make `name` be `sha`, before the pack.
pub(super) fn command(sha: &str, name: &str) -> Vec<u8> {
    [line(&format!("{ZERO} {sha} {name}\0report-status\n")), b"0000".to_vec()].concat()
}

#[tokio::test]
async fn packs_and_packets() {
    let world = World::start(&[]).await;
    let big = "a line of a file that is long enough to be worth a difference\n".repeat(100);
    let repository = world.repository("source", &[("Procfile", &big)]).await;
    let first = repository.git(&["rev-parse", "HEAD"]).await;
    let sha = repository.commit(&[("Procfile", &format!("{big}more\n"))]).await;
    let pack = pack(&repository, &["--revs"], "HEAD\n").await;
    let thin = self::pack(&repository, &["--revs", "--thin"], "HEAD\n^HEAD~1\n").await;
    let older = self::pack(&repository, &["--revs"], "HEAD~1\n").await;

    // All but the first commit's file.
    let objects = repository.git(&["rev-list", "--objects", "--no-object-names", "HEAD"]).await;
    let old = repository.git(&["rev-parse", "HEAD~1:Procfile"]).await;
    let objects = objects.lines().filter(|object| *object != old).map(|object| format!("{object}\n"));
    let gap = self::pack(&repository, &[], &objects.collect::<String>()).await;

    let mut wrong = pack.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let mut flipped = pack.clone();
    flipped[pack.len() / 2] ^= 0x55;
    let master = "refs/heads/master";
    let with = |pack: &[u8]| [command(&sha, master), pack.to_vec()].concat();
    let rows = [
        ("a whole pack", true, with(&pack)),
        ("a pack that is cut", false, with(&pack[..pack.len() / 2])),
        ("a pack of a header alone", false, with(&pack[..12])),
        ("no pack at all", false, with(&[])),
        ("a pack with a wrong checksum", false, with(&wrong)),
        ("a pack with a wrong byte", false, with(&flipped)),
        ("bytes that are no pack", false, with(b"PACK\0\0\0\x02\xff\xff\xff\xffrubbish")),
        ("a thin pack without its base", false, with(&thin)),
        ("a pack without its commit", false, with(&older)),
        ("a pack without an old file", false, with(&gap)),
        ("a commit that is a blob", false, [command(&blob(&repository).await, master), pack.clone()].concat()),
        ("a ref that climbs", false, [command(&sha, "refs/heads/../../../x"), pack.clone()].concat()),
        ("a ref with a line break", false, [command(&sha, "refs/heads/a\nb"), pack.clone()].concat()),
        ("a ref that is HEAD", false, [command(&sha, "HEAD"), pack.clone()].concat()),
        ("a length that is none", false, b"zzzz".to_vec()),
        ("a length that lies", false, b"ffff0000".to_vec()),
        ("an old value that was never", false, [stale(&first, &sha), pack.clone()].concat()),
    ];
    let rows = rows.iter().map(|(what, works, input)| sent(&world, what, *works, input).boxed());
    let lines = world.table(rows).await;
    assert_lines!(lines);
}

fn stale(old: &str, new: &str) -> Vec<u8> {
    [line(&format!("{old} {new} refs/heads/master\0report-status\n")), b"0000".to_vec()].concat()
}

async fn pack(repository: &Repository, arguments: &[&str], revisions: &str) -> Vec<u8> {
    let arguments = ["pack-objects", "--quiet", "--stdout"].iter().chain(arguments).copied().collect::<Vec<_>>();
    let output = common::feed("git", &arguments, &repository.path, &[], revisions.as_bytes()).await;
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

async fn blob(repository: &Repository) -> String {
    repository.git(&["rev-parse", "HEAD:Procfile"]).await
}

async fn sent(world: &World, what: &str, works: bool, input: &[u8]) -> String {
    let usual = world.builder.ssh_options(&world.key);
    let command = format!("git-receive-pack '/{}.git'", app(what));
    let arguments = usual.iter().map(String::as_str).chain(["git@127.0.0.1", &command]).collect::<Vec<_>>();
    world
        .judged(what, works, || async {
            let output = common::feed("ssh", &arguments, world.builder.root.path(), &[], input).await;
            let report = report(&output.stdout);
            // The program has done its part when it has said no; a client ends with a status of its own then.
            let refused = report.iter().any(|line| line.starts_with("ng "));
            Ended {
                status: if refused { Some(1) } else { output.status.code() },
                stdout: report.join("\n"),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        })
        .await
}

/// The packets that come after the list of refs.
pub(super) fn report(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut is_report = false;
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = usize::from_str_radix(&String::from_utf8_lossy(length), 16).unwrap();
        let (payload, rest) = rest.split_at(length.saturating_sub(4));
        if is_report && length > 4 {
            lines.push(String::from_utf8_lossy(payload).trim_end().to_owned());
        }
        is_report |= length == 0;
        bytes = rest;
    }
    lines
}
