//! Memory does not grow with what is pushed. A process of its own, since it measures the process.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

mod common;

use std::fs;
use std::io::Read;

use common::Builder;

const MIB: u64 = 1 << 20;

/// The largest resident size so far, in bytes (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn sixty_four_megabytes() {
    let builder = Builder::start().await;
    let key = builder.user("jhansen", "ed25519").await;
    let repository = builder.repository("source", &[("Procfile", "web: x\n")]).await;
    assert_eq!(builder.push(&repository, &key, "app", &["master"]).await.status, Some(0));
    let before = peak();

    let mut random = fs::File::open("/dev/urandom").unwrap().take(64 * MIB);
    std::io::copy(&mut random, &mut fs::File::create(repository.path.join("big")).unwrap()).unwrap();
    repository.commit(&[]).await;
    let ended = builder.push(&repository, &key, "app", &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(builder.runner.seen().source > 64 * MIB);
    let grown = peak() - before;
    assert!(grown < 24 * MIB, "{} MiB more for a push of 64 MiB", grown / MIB);
}
