//! The connection breaks, wherever it is. A relay between client and builder counts the bytes of both directions.

use futures_util::{FutureExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::common::{self, Ended, Repository};
use super::world::{World, tell};

/// Bytes until the end of the client's first words, of the key exchange, of the proof of the key, roughly; the rest is the push.
const HANDSHAKE: [u64; 8] = [0, 10, 60, 800, 1800, 2800, 3800, 4800];

/// Bytes before the end of a push that works.
const LAST: [u64; 5] = [1, 40, 120, 400, 1200];

const POINTS: u64 = 20;

/// Passes on one connection, as far as so many bytes; how many there were.
async fn relay(listener: TcpListener, builder: std::net::SocketAddr, mut limit: u64) -> u64 {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(builder).await.unwrap();
    let mut passed = 0;
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    while limit > 0 {
        let (read, from_client) = tokio::select! {
            read = client.read(&mut up) => (read, true),
            read = server.read(&mut down) => (read, false),
        };
        let Ok(read @ 1..) = read else { break };
        let now = usize::try_from(limit).unwrap_or(usize::MAX).min(read);
        let written =
            if from_client { server.write_all(&up[..now]).await } else { client.write_all(&down[..now]).await };
        if written.is_err() {
            break;
        }
        passed += now as u64;
        limit -= now as u64;
    }
    passed
}

async fn push(world: &World, repository: &Repository, app: &str, limit: u64) -> (Ended, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ssh = world.builder.ssh_options_at(port, &world.key).join(" ");
    let env = [("GIT_SSH_COMMAND".to_owned(), format!("ssh {ssh}"))];
    let url = world.builder.url(app);
    let arguments = ["push", &url, "master"];
    let client = common::run("git", &arguments, &repository.path, &env);
    tokio::join!(client, relay(listener, world.builder.ssh, limit))
}

/// A repository whose pack takes several pieces.
async fn source(world: &World, name: &str) -> Repository {
    let repository = world.repository(name, &[("Procfile", "web: x\n")]).await;
    let mut random = std::io::Read::take(std::fs::File::open("/dev/urandom").unwrap(), 100_000);
    std::io::copy(&mut random, &mut std::fs::File::create(repository.path.join("random")).unwrap()).unwrap();
    repository.commit(&[]).await;
    repository
}

/// Cuts a push there; what is left is nothing, or all of it, and the next push works.
async fn cut(world: &World, limit: u64) {
    let app = format!("cut-{limit}");
    let repository = source(world, &app).await;
    let sha = repository.git(&["rev-parse", "HEAD"]).await;
    let (ended, _) = push(world, &repository, &app, limit).await;
    world.builder.locks.free(&app).await;
    let builds = || world.builder.controller.builds().into_iter().filter(|build| build.app.as_str() == app).count();
    let moved = world.builder.reference(&app, "refs/heads/master").await;
    let expected = (builds() > 0).then(|| sha.clone());
    if moved != expected || builds() > 1 {
        world.problem(format!("after {limit} bytes: {moved:?} with {} builds: {ended:?}", builds()));
    }
    let again = world.builder.push(&repository, &world.key, &app, &["master"]).await;
    if again.status != Some(0) || builds() != 1 {
        world.problem(format!("the push after {limit} bytes: {again:?}"));
    }
    assert_eq!(world.builder.reference(&app, "refs/heads/master").await, Some(sha));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_nothing() {
    let world = World::start(&[]).await;
    let repository = source(&world, "whole").await;
    let (ended, total) = push(&world, &repository, "whole", u64::MAX).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(total > 100_000, "{total} bytes");

    let inner = POINTS - (HANDSHAKE.len() + LAST.len()) as u64;
    let between = (1..=inner).map(|number| 5_000 + (total - 8_000) * number / (inner + 1));
    let points = HANDSHAKE.into_iter().chain(between).chain(LAST.map(|left| total - left)).collect::<Vec<_>>();
    let rows = points.iter().map(|limit| cut(&world, *limit).boxed());
    let rows = futures_util::stream::iter(rows).buffered(4).count().await;
    tell(rows);
    assert_eq!(rows as u64, POINTS);
    world.end().await;
}
