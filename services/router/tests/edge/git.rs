//! TCP 2222.

use std::net::SocketAddr;
use std::time::Duration;

use deis_bootstrap::{Context, deadline};
use deis_router::table::ServiceKey;
use deis_router::table::facts::{Event, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Edge, LIMIT};

/// The builder's Service, with this address.
fn builder(address: SocketAddr) -> Event {
    Event::Service(Service {
        key: ServiceKey { namespace: "deis".to_owned(), name: "deis-builder".to_owned() },
        created: 0,
        app: None,
        annotations: [("tcpTimeout".to_owned(), "1200".to_owned())].into(),
        port: "git".to_owned(),
        address: Some(address),
    })
}

#[tokio::test]
async fn pushes_reach_the_builder_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = builder(listener.local_addr().unwrap());
    Context::new("builder").tasks.spawn("builder", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-builder\r\n").await.unwrap();
        let mut pushed = Vec::new();
        stream.read_to_end(&mut pushed).await.unwrap();
        stream.write_all(format!("{} bytes", pushed.len()).as_bytes()).await.unwrap();
    });
    let edge = Edge::start([builder]).await;

    let mut client = TcpStream::connect(edge.git).await.unwrap();
    let mut banner = [0; 17];
    deadline(LIMIT, client.read_exact(&mut banner)).await.unwrap().unwrap();
    assert_eq!(&banner, b"SSH-2.0-builder\r\n");
    client.write_all(&vec![7; 1 << 20]).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    deadline(LIMIT, client.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, "1048576 bytes");
}

/// A builder that is replaced costs a push some time, and nothing else.
#[tokio::test]
async fn a_push_waits_for_a_builder_that_comes_back() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let edge = Edge::start([builder(address)]).await;
    let mut client = TcpStream::connect(edge.git).await.unwrap();
    let mut banner = [0; 17];
    let mut reading = Box::pin(client.read_exact(&mut banner));
    // Long enough for the first try to fail: the address refuses.
    assert!(deadline(Duration::from_millis(100), &mut reading).await.is_err());

    let listener = TcpListener::bind(address).await.unwrap();
    Context::new("builder").tasks.spawn("builder", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-builder\r\n").await.unwrap();
    });
    deadline(LIMIT, reading).await.unwrap().unwrap();
    assert_eq!(&banner, b"SSH-2.0-builder\r\n");
}

#[tokio::test]
async fn without_a_builder_the_connection_closes() {
    let edge = Edge::start([]).await;
    let mut client = TcpStream::connect(edge.git).await.unwrap();
    assert_eq!(deadline(LIMIT, client.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}
