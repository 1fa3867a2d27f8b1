//! Large blobs go through the door without staying in it. A process of its own, because it measures the process's memory.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests assert by panicking and spawn readers")]

mod support;

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Method};
use sha2::{Digest as _, Sha256};
use support::proxy::Proxy;
use support::registry::Registry;

const CHUNK: usize = 1 << 20;
const CHUNKS: u64 = 192;
/// The door's share of memory: far above its buffers, far below the blob.
const MOST_GROWTH_KIB: u64 = 32 * 1024;

fn chunk(number: u64) -> Bytes {
    let word = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    word.repeat(CHUNK / word.len()).into()
}

/// Forgets the peak so far (proc(5), "clear_refs").
fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The largest resident size that this process has had since then, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_blob_passes_in_bounded_memory_even_while_the_door_closes() {
    let registry = Registry::start().await;
    let mut hash = Sha256::new();
    (0..CHUNKS).for_each(|number| hash.update(chunk(number)));
    let digest = format!("sha256:{}", hex::encode(hash.finalize()));
    let body = Body::wrap_stream(stream::iter((0..CHUNKS).map(|number| Ok::<_, std::io::Error>(chunk(number)))));
    registry.push_stream("mine", &digest, CHUNKS * CHUNK as u64, body).await;
    let proxy = Proxy::start(&registry).await;
    let path = format!("/v2/mine/blobs/{digest}");
    let start = async || proxy.request(Method::GET, &path, "mine").send().await.unwrap();

    reset_peak();
    let before = peak_memory();
    // One that does not read until the others are through: it must not make the door read ahead for it.
    let mut slow = start().await;
    let readers = [start().await, start().await].map(|mut answer| {
        tokio::spawn(async move {
            let mut hash = Sha256::new();
            while let Some(chunk) = answer.chunk().await.unwrap() {
                hash.update(&chunk);
            }
            format!("sha256:{}", hex::encode(hash.finalize()))
        })
    });
    for reader in readers {
        assert_eq!(reader.await.unwrap(), digest);
    }
    let growth = peak_memory() - before;
    assert!(growth < MOST_GROWTH_KIB, "memory grew by {growth} KiB");

    // An answer that is under way when the process is asked to end goes on to its end.
    proxy.context.shutdown.cancel();
    let mut hash = Sha256::new();
    while let Some(chunk) = slow.chunk().await.unwrap() {
        hash.update(&chunk);
    }
    assert_eq!(format!("sha256:{}", hex::encode(hash.finalize())), digest);
    proxy.context.tasks.finished().await;
}
