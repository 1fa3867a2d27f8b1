//! Connections that say nothing, or not enough.

use std::time::Duration;

use deis_bootstrap::deadline;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{World, tell};

/// What a connection sends before it falls silent.
const BEGINNINGS: [&[u8]; 5] = [
    b"",
    b"SSH-2.",
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    // A packet that is longer than what follows.
    b"SSH-2.0-OpenSSH_9.2p1\r\n\0\0\x04\0\x0a\x14",
    b"GET / HTTP/1.1\r\n\r\n",
];

/// Twice the grace, and the farewell: room for a slow machine.
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_hundred_half_open_connections() {
    let world = World::start(&["--login-grace=8", "--max-connections=120"]).await;
    let repository = world.repository("source", &[("Procfile", "web: x\n")]).await;
    let mut connections = Vec::new();
    for beginning in BEGINNINGS.iter().cycle().take(100) {
        let mut stream = TcpStream::connect(world.builder.ssh).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        connections.push(stream);
    }
    let ended = world.builder.push(&repository, &world.key, "app", &["master"]).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");

    let closed = async {
        for mut stream in connections {
            // The end, or that there was more to read than was read: either way it is closed.
            let mut read = Vec::new();
            drop(stream.read_to_end(&mut read).await);
            assert!(read.is_empty() || read.starts_with(b"SSH-2.0-Deis\r\n"), "{:?}", String::from_utf8_lossy(&read));
        }
    };
    deadline(PATIENCE, closed).await.unwrap();
    tell(BEGINNINGS.len());
    world.end().await;
    // None of them keeps the builder, either.
    world.builder.stop().await;
}

/// As many of them as there may be: the oldest makes room for whoever pushes.
#[tokio::test]
async fn as_many_as_there_may_be() {
    let world = World::start(&["--login-grace=600", "--max-connections=10"]).await;
    let repository = world.repository("source", &[("Procfile", "web: x\n")]).await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(TcpStream::connect(world.builder.ssh).await.unwrap());
    }
    let push = world.builder.push(&repository, &world.key, "app", &["master"]);
    let ended = deadline(PATIENCE, push).await.unwrap();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    tell(1);
    world.end().await;
}
