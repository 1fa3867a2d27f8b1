//! HTTP/1.1 in as few instructions as its answers allow here: what the bench itself does takes time from what it measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer later than this is none.
const LIMIT: Duration = Duration::from_secs(15);
/// More than any answer has that is asked for here.
pub(crate) const ANSWER_BYTES: usize = 16 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// None while it is not whole.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = (bytes.get(..end)?, bytes.get(end + 4..)?);
        let head = std::str::from_utf8(head).expect("a head is text");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        let length = length.unwrap_or_else(|| panic!("an answer of known length: {head}"));
        (body.len() >= length).then_some(Self { status, body })
    }
}

pub(crate) fn request(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
}

/// A connection that is kept. Asking blocks.
pub(crate) struct Connection<S> {
    stream: S,
    answer: Vec<u8>,
}

impl Connection<TcpStream> {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(connect(address)?))
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, answer: Vec::new() }
    }

    pub(crate) fn ask(&mut self, host: &str, path: &str) -> io::Result<Answer<'_>> {
        self.send(&request(host, path))
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request)?;
        self.answer.clear();
        while Answer::read(&self.answer).is_none() {
            let mut more = [0; ANSWER_BYTES];
            let count = self.stream.read(&mut more)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend_from_slice(more.get(..count).unwrap_or_default());
        }
        Ok(Answer::read(&self.answer).expect("it is whole"))
    }

    /// The connection alone, without what was read from it.
    pub(crate) fn into_stream(self) -> S {
        self.stream
    }
}

/// Whether one of our services says so, on its admin port.
pub(crate) fn is_ready(admin: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(admin) else { return false };
    connection.ask("service", "/readiness").is_ok_and(|answer| answer.status == 200)
}

pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}
