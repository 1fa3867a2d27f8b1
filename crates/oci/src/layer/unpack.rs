//! Extracting an archive that nobody vouches for.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use super::entries::{Bounded, Entry, Kind, Limits, broken, walk};
use super::{Compression, Unpacker};
use crate::{Error, Result};

/// What was extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes of the files.
    pub content: u64,
}

/// Extracts `packed` into the folder `into`, which is made when it is not there and must be empty: then nothing in it
/// can lead a path elsewhere. The rules are those of [`crate::check_layer`]; of permissions only whether a file may be
/// executed is kept, and files belong to whoever calls.
pub fn unpack(packed: impl Read, compression: Compression, into: &Path, limits: &Limits) -> Result<Unpacked> {
    fs::create_dir_all(into).map_err(Error::write(into))?;
    if fs::read_dir(into).map_err(Error::read(into))?.next().is_some() {
        return Err(Error::write(into)(io::ErrorKind::DirectoryNotEmpty.into()));
    }
    let packed = Bounded::packed(packed, limits);
    let archive = Bounded::unpacked(Unpacker::new(packed, compression), limits);
    let mut content = 0;
    let (archive, entries) = walk(archive, limits, |entry, data| {
        content += entry.size;
        extract(entry, data, into)
    })?;
    archive.into_inner().finish()?;
    Ok(Unpacked { entries, content })
}

fn extract(entry: &Entry, data: &mut dyn Read, into: &Path) -> Result<()> {
    let path = into.join(entry.path.as_path());
    let folder = if let Kind::Directory = entry.kind { Some(path.as_path()) } else { path.parent() };
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(Error::write(folder))?;
    }
    match &entry.kind {
        Kind::Directory => Ok(()),
        Kind::Symlink(target) => symlink(target, &path).map_err(Error::write(&path)),
        Kind::HardLink(target) => fs::hard_link(into.join(target.as_path()), &path).map_err(Error::write(&path)),
        Kind::File => {
            let mode = if entry.mode & 0o100 == 0 { 0o644 } else { 0o755 };
            let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
            let mut file = file.map_err(Error::write(&path))?;
            let written = copy(data, &mut file, &path)?;
            if written == entry.size { Ok(()) } else { Err(Error::Archive(io::ErrorKind::UnexpectedEof.into())) }
        }
    }
}

/// Copies and says on which side it broke.
fn copy(data: &mut dyn Read, file: &mut fs::File, path: &Path) -> Result<u64> {
    use io::Write;
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let read = data.read(&mut buffer).map_err(broken)?;
        let Some(chunk @ [_, ..]) = buffer.get(..read) else { return Ok(written) };
        file.write_all(chunk).map_err(Error::write(path))?;
        written += read as u64;
    }
}
