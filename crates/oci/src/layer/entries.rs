//! Reading an archive that nobody vouches for.
//!
//! Only what every reader understands alike is let through: GNU or POSIX headers, plain relative paths, each named
//! once, never below something that is not a folder, nothing but files, folders and links. So whoever extracts the
//! archive afterwards, the container runtime for one, sees the same files and stays inside its root.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tar::EntryType;

use super::path::LayerPath;
use crate::{Error, Result};

/// Longest extension record: room for one path and one link target of `PATH_MAX` each.
const MAX_RECORD: u64 = 16 * 1024;

/// How much a layer may hold. The defaults fit the biggest app that a node would want to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of the archive, extension records included.
    pub entries: u64,
    /// Bytes of the archive.
    pub unpacked: u64,
    /// Bytes of the packed layer.
    pub packed: u64,
    /// The folders that entries may lie in; none means anywhere.
    pub roots: Vec<LayerPath>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 500_000, unpacked: 4 << 30, packed: 2 << 30, roots: Vec::new() }
    }
}

/// One entry that passed the rules.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: LayerPath,
    pub(crate) kind: Kind,
    /// All twelve bits as in the header.
    pub(crate) mode: u32,
    /// Bytes of content; 0 for all but files.
    pub(crate) size: u64,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Directory,
    File,
    /// To anywhere: it is resolved inside the container.
    Symlink(PathBuf),
    /// To a file that came before.
    HardLink(LayerPath),
}

/// Calls `visit` with each entry and its content, and reads the archive to its very end. Returns the reader and the
/// number of entries visited.
pub(crate) fn walk<R: Read>(
    archive: R,
    limits: &Limits,
    mut visit: impl FnMut(&Entry, &mut dyn Read) -> Result<()>,
) -> Result<(R, u64)> {
    let mut archive = tar::Archive::new(archive);
    let mut seen = Seen::default();
    let mut long = Long::default();
    let (mut records, mut visited) = (0, 0);
    for record in archive.entries().map_err(broken)?.raw(true) {
        let mut record = record.map_err(broken)?;
        records += 1;
        if records > limits.entries {
            return Err(Error::Limit { what: "entries", limit: limits.entries });
        }
        if long.absorb(&mut record)? {
            continue;
        }
        let entry = Entry::parse(&record, std::mem::take(&mut long))?;
        seen.admit(&entry, limits)?;
        visit(&entry, &mut record)?;
        visited += 1;
    }
    if long != Long::default() {
        return Err(malformed("an extension record without its entry"));
    }
    let mut rest = archive.into_inner();
    expect_zeros(&mut rest)?;
    Ok((rest, visited))
}

/// The paths so far, and what may come below them.
#[derive(Default)]
struct Seen(HashMap<PathBuf, Place>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Something lies in it, but it has no entry yet.
    ImpliedDirectory,
    Directory,
    File,
    Symlink,
}

impl Seen {
    fn admit(&mut self, entry: &Entry, limits: &Limits) -> Result<()> {
        let refuse = |problem| Err(Error::Entry { path: entry.path.to_string(), problem });
        let path = entry.path.as_path();
        if !limits.roots.is_empty() && !limits.roots.iter().any(|root| path.starts_with(root.as_path())) {
            return refuse("lies outside the folders of a layer");
        }
        for folder in entry.path.ancestors() {
            match self.0.get(folder) {
                None => drop(self.0.insert(folder.to_owned(), Place::ImpliedDirectory)),
                Some(Place::Directory | Place::ImpliedDirectory) => {}
                Some(Place::File | Place::Symlink) => return refuse("lies below something that is not a folder"),
            }
        }
        let place = match &entry.kind {
            Kind::Directory => Place::Directory,
            Kind::Symlink(_) => Place::Symlink,
            Kind::File => Place::File,
            Kind::HardLink(target) if self.0.get(target.as_path()) == Some(&Place::File) => Place::File,
            Kind::HardLink(_) => return refuse("is a hard link to something that is not a file of this layer"),
        };
        match self.0.insert(path.to_owned(), place) {
            None => Ok(()),
            Some(Place::ImpliedDirectory) if place == Place::Directory => Ok(()),
            Some(_) => refuse("is there twice"),
        }
    }
}

/// Path and link target from extension records, which precede the entry that they are about.
#[derive(Default, PartialEq)]
struct Long {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Long {
    /// Takes the record in, when it is an extension: a GNU long name or link, or a POSIX extended header.
    fn absorb<R: Read>(&mut self, record: &mut tar::Entry<'_, R>) -> Result<bool> {
        let header = record.header();
        if header.as_gnu().is_none() && header.as_ustar().is_none() {
            return Err(malformed("a header that is neither GNU nor POSIX"));
        }
        match header.entry_type() {
            EntryType::GNULongName => Self::set(&mut self.path, gnu_record(record)?)?,
            EntryType::GNULongLink => Self::set(&mut self.link, gnu_record(record)?)?,
            EntryType::XHeader | EntryType::XGlobalHeader => self.absorb_pax(record)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `git archive` writes these: the commit's name as a global comment, and paths of more than 100 bytes.
    fn absorb_pax<R: Read>(&mut self, record: &mut tar::Entry<'_, R>) -> Result<()> {
        let local = record.header().entry_type() == EntryType::XHeader;
        let bytes = extension(record)?;
        for pair in tar::PaxExtensions::new(&bytes) {
            let pair = pair.map_err(Error::Archive)?;
            match pair.key_bytes() {
                b"path" if local => Self::set(&mut self.path, pair.value_bytes().to_owned())?,
                b"linkpath" if local => Self::set(&mut self.link, pair.value_bytes().to_owned())?,
                b"comment" | b"mtime" | b"atime" | b"ctime" => {}
                // Sizes, owners, attributes, sparse maps: readers differ about them.
                _ => return Err(malformed("an extended header that no program of ours writes")),
            }
        }
        Ok(())
    }

    fn set(field: &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<()> {
        match field.replace(value) {
            None => Ok(()),
            Some(_) => Err(malformed("two extension records for one entry")),
        }
    }
}

impl Entry {
    fn parse<R: Read>(record: &tar::Entry<'_, R>, long: Long) -> Result<Self> {
        let header = record.header();
        let path = long.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = long.link.or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()));
        let mode = header.mode().map_err(Error::Archive)?;
        let refuse = |problem| Error::Entry { path: String::from_utf8_lossy(&path).into_owned(), problem };

        let kind = header.entry_type();
        let path = match kind {
            EntryType::Directory => LayerPath::parse(path.strip_suffix(b"/").unwrap_or(&path))?,
            _ => LayerPath::parse(&path)?,
        };
        let target = || link.filter(|link| !link.is_empty()).ok_or_else(|| refuse("is a link to nowhere"));
        let kind = match kind {
            EntryType::Regular => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(symlink_target(&path, &target()?)?),
            EntryType::Link => Kind::HardLink(LayerPath::parse(target()?)?),
            _ => return Err(refuse("is neither file, folder nor link")),
        };
        let size = record.size();
        if size > 0 && !matches!(kind, Kind::File) {
            return Err(refuse("has content and is not a file"));
        }
        Ok(Self { path, kind, mode, size })
    }
}

fn symlink_target(path: &LayerPath, target: &[u8]) -> Result<PathBuf> {
    if target.contains(&0) {
        return Err(Error::Entry { path: path.to_string(), problem: "has a target with a zero byte" });
    }
    Ok(Path::new(OsStr::from_bytes(target)).to_owned())
}

fn gnu_record<R: Read>(record: &mut tar::Entry<'_, R>) -> Result<Vec<u8>> {
    let mut bytes = extension(record)?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

fn extension<R: Read>(record: &mut tar::Entry<'_, R>) -> Result<Vec<u8>> {
    if record.size() > MAX_RECORD {
        return Err(Error::Limit { what: "bytes in an extension record", limit: MAX_RECORD });
    }
    let mut bytes = Vec::new();
    record.read_to_end(&mut bytes).map_err(broken)?;
    Ok(bytes)
}

/// After the end of the archive there may be padding, and nothing else.
fn expect_zeros(rest: &mut impl Read) -> Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = rest.read(&mut buffer).map_err(broken)?;
        match buffer.get(..read).unwrap_or_default() {
            [] => return Ok(()),
            padding if padding.iter().all(|byte| *byte == 0) => {}
            _ => return Err(Error::Trailing),
        }
    }
}

fn malformed(what: &'static str) -> Error {
    Error::Archive(io::Error::new(io::ErrorKind::InvalidData, what))
}

/// The error that a reader below the archive carried through it, or the archive's own.
pub(crate) fn broken(error: io::Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(Error::Archive)
}

/// A reader that fails with [`Error::Limit`] once it has given more than `limit` bytes. Errors of the reader below it
/// pass through the archive's reader inside an `io::Error`; `broken` finds them again.
pub(crate) struct Bounded<R> {
    inner: R,
    what: &'static str,
    limit: u64,
    read: u64,
    blame: fn(io::Error) -> Error,
}

impl<R: Read> Bounded<R> {
    /// Over the packed stream, whose errors are the sender's or the network's.
    pub(crate) fn packed(inner: R, limits: &Limits) -> Self {
        Self { inner, what: "packed bytes", limit: limits.packed, read: 0, blame: Error::Stream }
    }

    /// Over the unpacked archive, whose errors are those of the compression.
    pub(crate) fn unpacked(inner: R, limits: &Limits) -> Self {
        Self { inner, what: "bytes", limit: limits.unpacked, read: 0, blame: Error::Archive }
    }

    pub(crate) fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(io::Error::other(error.downcast::<Error>().unwrap_or_else(self.blame))),
        };
        self.read += read as u64;
        if self.read > self.limit {
            return Err(io::Error::other(Error::Limit { what: self.what, limit: self.limit }));
        }
        Ok(read)
    }
}
