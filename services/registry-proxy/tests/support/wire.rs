//! Requests byte by byte: HTTP clients tidy paths up before they send them.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::proxy::password;

/// Sends a GET of exactly this request target with an app's credentials; returns the whole answer.
pub async fn get(door: SocketAddr, target: &str, app: &str) -> String {
    let authorization = STANDARD.encode(format!("{app}:{}", password(app)));
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {door}\r\nauthorization: Basic {authorization}\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(door).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
