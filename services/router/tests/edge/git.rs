//! TCP 2222.

use deis_bootstrap::{Context, deadline};
use deis_router::table::ServiceKey;
use deis_router::table::facts::{Event, Service};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Edge, LIMIT};

#[tokio::test]
async fn pushes_reach_the_builder_as_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = Event::Service(Service {
        key: ServiceKey { namespace: "deis".to_owned(), name: "deis-builder".to_owned() },
        created: 0,
        app: None,
        annotations: [("tcpTimeout".to_owned(), "1200".to_owned())].into(),
        port: "git".to_owned(),
        address: Some(listener.local_addr().unwrap()),
    });
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

#[tokio::test]
async fn without_a_builder_the_connection_closes() {
    let edge = Edge::start([]).await;
    let mut client = TcpStream::connect(edge.git).await.unwrap();
    assert_eq!(deadline(LIMIT, client.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}
