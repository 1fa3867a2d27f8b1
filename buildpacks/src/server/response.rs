//! Responses (RFC 9110).

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

pub(crate) struct Response {
    pub(crate) status: u16,
    content_type: &'static str,
    location: Option<String>,
    length: u64,
    content: Box<dyn Read>,
}

impl Response {
    pub(crate) fn file(status: u16, path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { status, content_type: content_type(path), location: None, length, content: Box::new(file) })
    }

    pub(crate) fn error(status: u16) -> Self {
        let text = format!("{status} {}\n", reason(status));
        let length = text.len() as u64;
        let content = Box::new(io::Cursor::new(text));
        Self { status, content_type: "text/plain; charset=utf-8", location: None, length, content }
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::error(301) }
    }

    pub(crate) fn write(self, stream: impl Write, with_content: bool, keep_alive: bool) -> io::Result<()> {
        let Self { status, content_type, location, length, content } = self;
        let mut stream = BufWriter::with_capacity(64 * 1024, stream);
        write!(stream, "HTTP/1.1 {status} {}\r\nContent-Length: {length}\r\n", reason(status))?;
        write!(stream, "Content-Type: {content_type}\r\nX-Content-Type-Options: nosniff\r\n")?;
        if status == 405 {
            write!(stream, "Allow: GET, HEAD\r\n")?;
        }
        if let Some(location) = location {
            write!(stream, "Location: {location}\r\n")?;
        }
        write!(stream, "Connection: {}\r\n\r\n", if keep_alive { "keep-alive" } else { "close" })?;
        if with_content {
            let copied = io::copy(&mut content.take(length), &mut stream)?;
            // A file that shrank: the only way to say so is to end the connection.
            if copied != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        stream.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Error",
    }
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}
