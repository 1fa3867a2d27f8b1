//! Which number a user's name stands for: the image's own `/etc/passwd` knows.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use bytes::{Buf as _, Bytes};
use deis_bootstrap::Tasks;
use flate2::bufread::GzDecoder;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::documents::Blob;
use super::source::Source;
use super::unknown_user;
use crate::Error;

const FILE: &str = "etc/passwd";

/// The file is not looked for in more than this, unpacked; nor is more of it read.
const MAX_LAYER: u64 = 8 << 30;
const MAX_FILE: u64 = 1 << 20;

/// What a layer says about the file.
#[derive(Debug, PartialEq)]
enum Found {
    Passwd(String),
    /// It, or all that was in its folder, is gone from here on.
    Deleted,
    Nothing,
}

/// The number of a user. Layers are read from the highest down to the one that has the file.
pub(super) async fn find(source: &Source, layers: &[Blob], user: &str, tasks: &Tasks) -> Result<u32, Error> {
    for layer in layers.iter().rev() {
        match read_layer(source, layer, tasks).await? {
            Found::Passwd(text) => {
                return number(&text, user).ok_or_else(|| unknown_user(user, "its /etc/passwd has no such user"));
            }
            Found::Deleted => break,
            Found::Nothing => {}
        }
    }
    Err(unknown_user(user, "it has no /etc/passwd"))
}

async fn read_layer(source: &Source, layer: &Blob, tasks: &Tasks) -> Result<Found, Error> {
    let (sender, pieces) = mpsc::channel(16);
    let mut bytes = source.stream(layer).await?;
    // Ends when the reader has seen enough.
    let feed = async {
        while let Some(piece) = bytes.next().await {
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        drop(sender);
    };
    let read = tasks.blocking("read layer", move || search(Pieces { pieces, current: Bytes::new() }));
    let mut feed = std::pin::pin!(feed);
    let mut read = std::pin::pin!(read);
    let found = tokio::select! {
        found = &mut read => found,
        () = &mut feed => read.await,
    };
    found?.map_err(|error| unknown_layer(&error))
}

fn unknown_layer(error: &io::Error) -> Error {
    super::refused(
        deis_api::Code::ImagePullFailed,
        format!("A layer of the image cannot be read to find its user's number: {error}. Name the number: USER 1000."),
    )
}

/// Reads a layer's archive up to the file. Nothing of it is written anywhere.
fn search(layer: impl Read) -> io::Result<Found> {
    let mut layer = BufReader::new(layer);
    let magic = layer.fill_buf()?;
    let unpacked: Box<dyn Read> = match magic {
        [0x1f, 0x8b, ..] => Box::new(GzDecoder::new(layer)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(io::Error::other("it is packed with zstd")),
        _ => Box::new(layer),
    };
    let mut archive = tar::Archive::new(unpacked.take(MAX_LAYER));
    let mut found = Found::Nothing;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let path = path.strip_prefix("/").or_else(|_| path.strip_prefix(".")).unwrap_or(&path);
        if path == Path::new(FILE) && entry.header().entry_type().is_file() {
            let mut text = Vec::new();
            (&mut entry).take(MAX_FILE).read_to_end(&mut text)?;
            return Ok(Found::Passwd(String::from_utf8_lossy(&text).into_owned()));
        }
        // Whiteouts (image-spec, "Layer"): of the file, of its folder, of all that is in its folder.
        if ["etc/.wh.passwd", ".wh.etc", "etc/.wh..wh..opq"].iter().any(|whiteout| path == Path::new(whiteout)) {
            found = Found::Deleted;
        }
    }
    Ok(found)
}

/// The third field of the user's line.
fn number(passwd: &str, user: &str) -> Option<u32> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() == Some(user) { fields.nth(1)?.parse().ok() } else { None }
    })
}

/// Reads what comes over a channel.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.split_to(count).copy_to_slice(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn the_file_or_its_end() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:1001:1001::/home/web:/bin/sh\nbad:x\n";
        assert_eq!(
            search(layer(&[("bin/sh", ""), ("etc/passwd", passwd)]).as_slice()).unwrap(),
            Found::Passwd(passwd.to_owned())
        );
        assert_eq!(search(layer(&[("./etc/passwd", "x")]).as_slice()).unwrap(), Found::Passwd("x".to_owned()));
        for whiteout in ["etc/.wh.passwd", ".wh.etc", "etc/.wh..wh..opq"] {
            assert_eq!(search(layer(&[(whiteout, "")]).as_slice()).unwrap(), Found::Deleted);
        }
        assert_eq!(search(layer(&[("home/etc/passwd", "x")]).as_slice()).unwrap(), Found::Nothing);
        assert!(search([0x28, 0xb5, 0x2f, 0xfd, 0].as_slice()).is_err());
        assert_eq!(
            [("web", Some(1001)), ("root", Some(0)), ("bad", None), ("", None)].map(|(user, _)| number(passwd, user)),
            [Some(1001), Some(0), None, None]
        );
    }
}
