use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// More than an event has.
const CHUNK_BYTES: usize = 64 * 1024;

/// Stands between a router and its API server and passes everything on, as it is: all that it notes is when something came for the
/// router. A watch beside the router's would be served before it or after it, nobody knows by how much.
pub(crate) struct Relay {
    noted: Arc<Mutex<Noted>>,
}

/// When the first bytes came since somebody wanted to know.
#[derive(Clone, Copy)]
enum Noted {
    Nothing,
    Wanted,
    At(Instant),
}

impl Relay {
    pub(crate) async fn start(address: SocketAddr, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let noted = Arc::new(Mutex::new(Noted::Nothing));
        let shared = Arc::clone(&noted);
        #[expect(clippy::disallowed_methods, reason = "a bench has no process around it")]
        drop(tokio::spawn(async move {
            while let Ok((router, _)) = listener.accept().await {
                drop(tokio::spawn(pass(router, upstream, Arc::clone(&shared))));
            }
        }));
        Self { noted }
    }

    /// From now on the next bytes for the router are those that count.
    pub(crate) fn watch(&self) {
        *self.noted.lock() = Noted::Wanted;
    }

    /// When they came.
    pub(crate) fn came(&self) -> Instant {
        match *self.noted.lock() {
            Noted::At(moment) => moment,
            Noted::Nothing | Noted::Wanted => panic!("the router got nothing from its API server"),
        }
    }
}

async fn pass(router: TcpStream, upstream: SocketAddr, noted: Arc<Mutex<Noted>>) {
    let api = TcpStream::connect(upstream).await.unwrap();
    for stream in [&router, &api] {
        stream.set_nodelay(true).unwrap();
    }
    let ((mut from_router, mut to_router), (mut from_api, mut to_api)) = (router.into_split(), api.into_split());
    let down = async {
        let mut bytes = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from_api.read(&mut bytes).await {
            if let wanted @ Noted::Wanted = &mut *noted.lock() {
                *wanted = Noted::At(Instant::now());
            }
            if to_router.write_all(bytes.get(..count).unwrap_or_default()).await.is_err() {
                break;
            }
        }
    };
    // The end of either side is the end of the connection.
    tokio::select! {
        () = down => {}
        _count = copy(&mut from_router, &mut to_api) => {}
    }
}
