//! From the archive of a root file system to a layer: without what does not belong in an image, and without what the
//! layer below has already.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use deis_oci::{Compression, Digest, Layer, LayerPath, LayerWriter, Meta, Owner};
use tar::EntryType;

/// What never belongs in an image: devices and mount points, the traces of the machine and of the installation, what
/// would differ from run to run.
const DROP: &[&str] = &[
    "dev/*",
    "etc/.pwd.lock",
    "etc/apt/sources.list*",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/group-",
    "etc/gshadow-",
    "etc/hostname",
    "etc/machine-id",
    "etc/passwd-",
    "etc/resolv.conf",
    "etc/shadow-",
    "run/*",
    "tmp/*",
    "var/cache/*",
    "var/lib/apt/*",
    "var/lib/dpkg/lock*",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/triggers/Lock",
    "var/lib/systemd/*",
    "var/lib/ucf/*",
    "var/log/*",
];

/// A path, or with a `*` at the end all paths that begin so; always with everything below.
#[derive(Debug)]
pub struct Pattern {
    folder: PathBuf,
    /// The beginning of a name in the folder.
    prefix: Option<Vec<u8>>,
}

impl Pattern {
    fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            None => Self { folder: text.into(), prefix: None },
            Some(rest) => {
                let (folder, prefix) = rest.rsplit_once('/').unwrap_or(("", rest));
                Self { folder: folder.into(), prefix: Some(prefix.into()) }
            }
        }
    }

    /// The patterns for every root and those of one.
    pub fn all(of_this_root: &[String]) -> Vec<Self> {
        DROP.iter().copied().chain(of_this_root.iter().map(String::as_str)).map(Self::parse).collect()
    }

    fn matches(&self, path: &Path) -> bool {
        match (path.strip_prefix(&self.folder), &self.prefix) {
            (Err(_), _) => false,
            (Ok(_), None) => true,
            (Ok(below), Some(prefix)) => {
                below.components().next().is_some_and(|name| name.as_os_str().as_bytes().starts_with(prefix))
            }
        }
    }
}

/// The entries of a layer by path, to compare with.
pub type Index = HashMap<LayerPath, Entry>;

/// All that can differ between two files of the same path; times are left out, since layers have none.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    kind: EntryType,
    meta: Meta,
    target: Vec<u8>,
    content: Digest,
}

/// Reads the entries of a layer.
pub fn index(layer: impl Read) -> Result<Index> {
    let mut index = Index::new();
    each(layer, &[], |path, entry, _| {
        index.insert(path, entry);
        Ok(())
    })?;
    Ok(index)
}

/// Writes the layer that holds the archive's files, except those that match `drop` or are in `below` already.
pub fn layer<W: Write>(archive: impl Read, drop: &[Pattern], below: &Index, writer: W) -> Result<(Layer, W)> {
    let mut layer = LayerWriter::new(writer, Compression::None);
    each(archive, drop, |path, entry, content| {
        if below.get(&path) == Some(&entry) {
            return Ok(());
        }
        match entry.kind {
            EntryType::Directory => layer.directory(&path, entry.meta)?,
            EntryType::Symlink => {
                layer.symlink(&path, Path::new(OsStr::from_bytes(&entry.target)), entry.meta.owner)?;
            }
            EntryType::Link => layer.hard_link(&path, &layer_path(&entry.target)?, entry.meta)?,
            _ => layer.file(&path, entry.meta, content.len() as u64, content)?,
        }
        Ok(())
    })?;
    Ok(layer.finish()?)
}

fn each(
    archive: impl Read,
    drop: &[Pattern],
    mut visit: impl FnMut(LayerPath, Entry, &[u8]) -> Result<()>,
) -> Result<()> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        if matches!(path.as_slice(), b"." | b"./") {
            continue;
        }
        let path = layer_path(&path)?;
        if drop.iter().any(|pattern| pattern.matches(path.as_path())) {
            continue;
        }
        let read = read(&mut entry).with_context(|| path.to_string())?;
        visit(path, read.0, &read.1)?;
    }
    Ok(())
}

fn read(entry: &mut tar::Entry<'_, impl Read>) -> Result<(Entry, Vec<u8>)> {
    let kind = entry.header().entry_type();
    if !matches!(kind, EntryType::Regular | EntryType::Directory | EntryType::Symlink | EntryType::Link) {
        bail!("neither file, folder nor link");
    }
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            if extension.key_bytes().starts_with(b"SCHILY.xattr") {
                bail!("it has extended attributes, which would be lost");
            }
        }
    }
    let header = entry.header();
    let owner = Owner { uid: header.uid()?.try_into()?, gid: header.gid()?.try_into()? };
    // Links have no mode; every archiver writes another one.
    let mode = if kind == EntryType::Symlink { 0o777 } else { header.mode()? & 0o7777 };
    let meta = Meta { mode, owner };
    let mut target = entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
    if kind == EntryType::Link {
        target = layer_path(&target)?.as_path().as_os_str().as_bytes().to_owned();
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content)?;
    Ok((Entry { kind, meta, target, content: Digest::of(&content) }, content))
}

/// `./usr/bin/` as `usr/bin`.
fn layer_path(bytes: &[u8]) -> Result<LayerPath> {
    let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
    Ok(LayerPath::parse(bytes.strip_suffix(b"/").unwrap_or(bytes))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if path.ends_with('/') { 0o1777 } else { 0o600 });
            header.set_uid(42);
            header.set_gid(43);
            // Times differ from run to run and must not count.
            header.set_mtime(archive.get_ref().len() as u64);
            match content.strip_prefix("-> ") {
                Some(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_size(0);
                    archive.append_link(&mut header, path, target).unwrap();
                }
                None => {
                    let kind = if path.ends_with('/') { EntryType::Directory } else { EntryType::Regular };
                    header.set_entry_type(kind);
                    header.set_size(content.len() as u64);
                    archive.append_data(&mut header, path, content.as_bytes()).unwrap();
                }
            }
        }
        archive.into_inner().unwrap()
    }

    fn paths(layer: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(layer);
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn what_does_not_belong_is_left_out() {
        let archive = archive(&[
            ("./dev/", ""),
            ("./dev/null", ""),
            ("./etc/hostname", "here"),
            ("./etc/hosts", ""),
            ("./usr/lib/libLLVM-14.so", "big"),
            ("./usr/lib/libL.so", ""),
            ("./var/log/", ""),
            ("./var/log/apt/history", "today"),
        ]);
        let drop = Pattern::all(&["usr/lib/libLLVM*".to_owned()]);
        let (_, layer) = layer(archive.as_slice(), &drop, &Index::new(), Vec::new()).unwrap();
        assert_eq!(paths(&layer), ["dev", "etc/hosts", "usr/lib/libL.so", "var/log"]);
    }

    #[test]
    fn modes_and_owners_are_kept() {
        let (_, layer) = layer(archive(&[("./tmp/", "")]).as_slice(), &[], &Index::new(), Vec::new()).unwrap();
        let mut layer = tar::Archive::new(layer.as_slice());
        let entry = layer.entries().unwrap().next().unwrap().unwrap();
        let header = entry.header();
        assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0o1777, 42, 43));
        assert_eq!(header.mtime().unwrap(), 0);
    }

    #[test]
    fn only_what_differs_from_the_base_is_in_the_upper_layer() {
        let base =
            archive(&[("./a/", ""), ("./a/same", "1"), ("./a/changed", "1"), ("./link", "-> a"), ("./to", "-> b")]);
        let upper = archive(&[
            ("./new", "2"),
            ("./a/", ""),
            ("./a/changed", "2"),
            ("./a/same", "1"),
            ("./link", "-> a"),
            ("./to", "-> c"),
        ]);
        let (_, below) = layer(base.as_slice(), &[], &Index::new(), Vec::new()).unwrap();
        let below = index(below.as_slice()).unwrap();
        let (_, layer) = layer(upper.as_slice(), &[], &below, Vec::new()).unwrap();
        assert_eq!(paths(&layer), ["new", "a/changed", "to"]);
    }

    #[test]
    fn devices_are_not_dropped_in_silence() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Char);
        header.set_size(0);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "usr/null", std::io::empty()).unwrap();
        let archive = archive.into_inner().unwrap();
        let error = layer(archive.as_slice(), &[], &Index::new(), Vec::new()).unwrap_err();
        assert_eq!(format!("{error:#}"), "usr/null: neither file, folder nor link");
    }
}
