//! The head of a request (RFC 9112). Bodies are not read: a request that has one is the last of its connection.

use std::io::{self, BufRead, Read};

/// Longest head.
const MAX_HEAD: u64 = 16 * 1024;

#[derive(Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it was sent: path and query.
    raw_target: String,
    pub(crate) keep_alive: bool,
}

impl Request {
    /// Reads a head; none when the client has ended the connection.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = reader.by_ref().take(MAX_HEAD);
        let Some(line) = read_line(&mut head)? else { return Ok(None) };
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let mut keep_alive = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ => return Err(malformed()),
        };
        loop {
            let line = read_line(&mut head)?.ok_or_else(malformed)?;
            if line.is_empty() {
                return Ok(Some(Self { method: method.to_owned(), raw_target: target.to_owned(), keep_alive }));
            }
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            let has_body = match name.to_ascii_lowercase().as_str() {
                "connection" => value.to_ascii_lowercase().contains("close"),
                "content-length" => value.trim() != "0",
                "transfer-encoding" => true,
                _ => false,
            };
            keep_alive &= !has_body;
        }
    }

    /// The path as it was sent.
    pub(crate) fn path(&self) -> &str {
        self.raw_target.split(['?', '#']).next().unwrap_or_default()
    }

    pub(crate) fn path_with_slash(&self) -> String {
        // Two slashes would begin a host.
        format!("/{}/", self.path().trim_matches('/'))
    }

    /// The path, decoded; or the status that says what is wrong with it.
    pub(crate) fn target(&self) -> Result<String, u16> {
        if !self.raw_target.starts_with('/') {
            return Err(400);
        }
        decode(self.path()).ok_or(400)
    }
}

fn read_line(head: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if head.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\n").ok_or_else(malformed)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8(line.to_owned()).map(Some).map_err(|_| malformed())
}

/// Percent-decoding (RFC 3986, section 2.1); none when it is not UTF-8 or holds a zero byte.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits =
                std::str::from_utf8(&digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Option<Request>> {
        Request::read(&mut text.as_bytes())
    }

    #[test]
    fn heads() {
        let request = read("GET /a%20b?q=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap().unwrap();
        assert_eq!((request.path(), request.target(), request.keep_alive), ("/a%20b", Ok("/a b".to_owned()), true));
        for (text, keep_alive) in [
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false),
            ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", true),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", false),
        ] {
            assert_eq!(read(text).unwrap().unwrap().keep_alive, keep_alive, "{text}");
        }
        assert_eq!(read("").unwrap(), None);
    }

    #[test]
    fn what_is_not_a_head_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000));
        for text in
            ["GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET / HTTP/1.1\r\nx\r\n\r\n", "GET / HTTP/1.1\r\n", &long]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn targets() {
        for (target, expected) in [
            ("/%2e%2e/a", Ok("/../a".to_owned())),
            ("*", Err(400)),
            ("/%zz", Err(400)),
            ("/%00", Err(400)),
            ("/%ff", Err(400)),
            ("/%+1", Err(400)),
        ] {
            let request = read(&format!("GET {target} HTTP/1.1\r\n\r\n")).unwrap().unwrap();
            assert_eq!(request.target(), expected, "{target}");
        }
    }
}
