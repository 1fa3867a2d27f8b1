use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use deis_bootstrap::deadline;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;

/// What is sent with a request, all at once or piece by piece.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer later than this is none.
const LIMIT: Duration = Duration::from_secs(15);

/// Connections to the router, those that stay and those for one request.
pub(super) struct Connections {
    pub(super) address: SocketAddr,
    pub(super) host: String,
    pub(super) path: String,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) bytes: usize,
}

impl Connections {
    pub(super) async fn to(host: String, path: String) -> Self {
        let address = tokio::net::lookup_host((host.as_str(), 80)).await.unwrap().find(SocketAddr::is_ipv4).unwrap();
        Self { address, host, path, idle: Mutex::default() }
    }

    /// Sends a request once. A connection that was closed before anything of it was written does not count.
    pub(super) async fn exchange(&self, request: Request<Body>, stays: bool) -> Result<Answer, String> {
        let exchange = async {
            let (mut sender, answer) =
                if stays { self.send_on_idle(request).await? } else { self.send(request).await? };
            let answer = whole(answer).await?;
            if stays && sender.ready().await.is_ok() {
                self.idle.lock().push(sender);
            }
            Ok(answer)
        };
        deadline(LIMIT, exchange).await.map_err(|late| late.to_string())?
    }

    async fn send_on_idle(&self, mut request: Request<Body>) -> Result<Sent, String> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(mut sender) = idle else { return self.send(request).await };
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok((sender, answer)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(format!("on an idle connection: {:?}", error.into_error())),
                },
            }
        }
    }

    async fn send(&self, request: Request<Body>) -> Result<Sent, String> {
        let stream = TcpStream::connect(self.address).await.map_err(|error| format!("connect: {error}"))?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        #[expect(clippy::disallowed_methods, reason = "a test has no process around it")]
        drop(tokio::spawn(connection));
        let answer = sender.send_request(request).await.map_err(|error| format!("on a new connection: {error:?}"))?;
        Ok((sender, answer))
    }
}

type Sent = (SendRequest<Body>, Response<hyper::body::Incoming>);

async fn whole(answer: Response<hyper::body::Incoming>) -> Result<Answer, String> {
    let (head, mut body) = answer.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("{} after {bytes} bytes: {error:?}", head.status))?;
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(Answer { status: head.status, headers: head.headers, bytes })
}
