//! Writing a layer, entry by entry.

use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tar::{EntryType, Header};

use super::path::WHITEOUT;
use super::{Compression, Layer, Packer};
use crate::{DigestWriter, Error, LayerPath, Result};

/// Whom an entry belongs to, as numbers: names would be looked up in the reader's user list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    /// 0:0.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

/// Permissions and owner of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meta {
    /// Permission bits, setuid, setgid and sticky included: at most `0o7777`.
    pub mode: u32,
    pub owner: Owner,
}

impl Meta {
    /// A folder that everybody may read: `0o755`.
    pub fn directory(owner: Owner) -> Self {
        Self { mode: 0o755, owner }
    }

    /// A file that everybody may read: `0o644`, or `0o755` when it is a program.
    pub fn file(owner: Owner, executable: bool) -> Self {
        Self { mode: if executable { 0o755 } else { 0o644 }, owner }
    }

    /// What git would keep of a file's permissions: whether its owner may execute it. The umask under which the file
    /// was made has no say.
    pub(crate) fn of(metadata: &Metadata, owner: Owner) -> Self {
        Self::file(owner, metadata.is_dir() || metadata.permissions().mode() & 0o100 != 0)
    }

    /// Exactly what the file system says.
    pub fn exact(metadata: &Metadata) -> Self {
        Self { mode: metadata.mode() & 0o7777, owner: Owner { uid: metadata.uid(), gid: metadata.gid() } }
    }
}

/// Writes a layer to `W` while it computes both digests.
///
/// Entries are written in the order of the calls, which therefore decides the digest: [`crate::Tree`] sorts. All times
/// are 0, so that the day of a build leaves no trace. Folders that are not written are made by the container runtime, owned by root, mode
/// 755.
pub struct LayerWriter<W: Write> {
    archive: tar::Builder<DigestWriter<Packer<DigestWriter<W>>>>,
    compression: Compression,
}

impl<W: Write> LayerWriter<W> {
    /// Starts an empty layer.
    pub fn new(inner: W, compression: Compression) -> Self {
        let packer = Packer::new(DigestWriter::new(inner), compression);
        Self { archive: tar::Builder::new(DigestWriter::new(packer)), compression }
    }

    /// Adds a folder.
    pub fn directory(&mut self, path: &LayerPath, meta: Meta) -> Result<()> {
        self.append(EntryType::Directory, path.as_path(), meta, 0, io::empty())
    }

    /// Adds a regular file of exactly `size` bytes, or fails with [`Error::Changed`] when the reader has fewer or more.
    pub fn file(&mut self, path: &LayerPath, meta: Meta, size: u64, content: impl Read) -> Result<()> {
        let mut content = content.take(size);
        self.append(EntryType::Regular, path.as_path(), meta, size, &mut content)?;
        let missing = content.limit();
        let rest = content.into_inner().read(&mut [0; 1]).map_err(Error::Stream)?;
        if missing == 0 && rest == 0 { Ok(()) } else { Err(Error::Changed { path: path.to_string() }) }
    }

    /// Adds a symbolic link; the target is written as it is.
    pub fn symlink(&mut self, path: &LayerPath, target: &Path, owner: Owner) -> Result<()> {
        self.link(EntryType::Symlink, path, target, Meta { mode: 0o777, owner })
    }

    /// Adds another name for a file that was added before.
    pub fn hard_link(&mut self, path: &LayerPath, target: &LayerPath, meta: Meta) -> Result<()> {
        self.link(EntryType::Link, path, target.as_path(), meta)
    }

    /// Deletes a path of the layers below (`layer.md`, "Whiteouts").
    pub fn whiteout(&mut self, path: &LayerPath) -> Result<()> {
        let mut name = std::ffi::OsString::from(WHITEOUT);
        name.push(path.as_path().file_name().unwrap_or_default());
        let path = path.as_path().with_file_name(name);
        self.append(EntryType::Regular, &path, Meta::file(Owner::ROOT, false), 0, io::empty())
    }

    /// Ends the archive and gives back the writer, flushed.
    pub fn finish(self) -> Result<(Layer, W)> {
        let archive = self.archive.into_inner().map_err(Error::Stream)?;
        let (packer, diff_id, _) = archive.finish();
        let (mut inner, digest, size) = packer.finish().map_err(Error::Stream)?.finish();
        inner.flush().map_err(Error::Stream)?;
        Ok((Layer { digest, diff_id, size, compression: self.compression }, inner))
    }

    fn append(&mut self, kind: EntryType, path: &Path, meta: Meta, size: u64, content: impl Read) -> Result<()> {
        let mut header = header(kind, meta, size);
        self.archive.append_data(&mut header, path, content).map_err(Error::Stream)
    }

    fn link(&mut self, kind: EntryType, path: &LayerPath, target: &Path, meta: Meta) -> Result<()> {
        let mut header = header(kind, meta, 0);
        // `append_link` tidies targets up (`a//b`); a short one is written unchanged by hand, a long one it keeps.
        if header.set_link_name_literal(target.as_os_str().as_bytes()).is_ok() {
            self.archive.append_data(&mut header, path.as_path(), io::empty()).map_err(Error::Stream)
        } else {
            self.archive.append_link(&mut header, path.as_path(), target).map_err(Error::Stream)
        }
    }
}

fn header(kind: EntryType, meta: Meta, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(meta.mode & 0o7777);
    header.set_uid(meta.owner.uid.into());
    header.set_gid(meta.owner.gid.into());
    header.set_mtime(0);
    header.set_size(size);
    header
}
