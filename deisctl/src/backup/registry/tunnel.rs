//! Connections to the registry's pod, through the API server.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite};

use super::PORT;
use crate::cluster::KubeError;

/// Makes connections.
#[derive(Clone)]
pub(super) enum Tunnels {
    Pod {
        pods: Box<Api<Pod>>,
        pod: String,
    },
    /// A registry on this machine.
    #[cfg(test)]
    Local(std::net::SocketAddr),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
pub(super) struct Tunnel(TokioIo<Box<dyn Stream>>);

impl tower::Service<Uri> for Tunnels {
    type Response = Tunnel;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Tunnel>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let tunnels = self.clone();
        Box::pin(async move {
            let stream: Box<dyn Stream> = match tunnels {
                Self::Pod { pods, pod } => {
                    let forwarder = pods.portforward(&pod, &[PORT]).await;
                    let mut forwarder = forwarder.map_err(|error| io::Error::other(KubeError::from(error)))?;
                    Box::new(forwarder.take_stream(PORT).ok_or(io::ErrorKind::NotConnected)?)
                }
                #[cfg(test)]
                Self::Local(address) => Box::new(tokio::net::TcpStream::connect(address).await?),
            };
            Ok(Tunnel(TokioIo::new(stream)))
        })
    }
}

impl Connection for Tunnel {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl Write for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
