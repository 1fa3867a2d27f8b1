//! What builds of an app leave for its next build, on the builder's volume.
//!
//! It lies here and not in the registry: an image's layers are there for as long as a release refers to them, a cache for as long
//! as there is room; the registry frees nothing before its garbage collection runs, and what it holds of an app the app's nodes may
//! pull. All builders share it, and whoever builds loses nothing but time when the volume is lost.
//!
//! A folder for each app: `index.json` says what belongs to the cache, the other files are layers, named by their digests. The
//! index is replaced by renaming, so that a cache is the old one or the new one. What an index does not name is removed.

mod index;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deis_api::AppName;
use deis_oci::Digest;
use deis_proto::builder::CacheLayer;
pub(crate) use index::Entry;
use index::Index;

use crate::process::locked;

/// The caches of all apps. Everything here blocks.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    folder: PathBuf,
    per_app: u64,
    total: u64,
}

/// A layer of a new cache.
#[derive(Debug)]
pub(crate) enum Change {
    /// As the app's cache has it already, with these metadata.
    Kept(CacheLayer),
    /// In a file, which is taken away.
    New { entry: Entry, file: PathBuf },
}

impl Caches {
    pub(crate) fn new(folder: PathBuf, per_app: u64, total: u64) -> Self {
        Self { folder, per_app: per_app.min(total), total }
    }

    /// To be held while something is changed, by whichever builder: one app's new cache may cost another one its old one.
    fn changing(&self) -> io::Result<File> {
        locked(&self.folder.with_extension("lock"))
    }

    /// How big one app's cache may be.
    pub(crate) fn per_app(&self) -> u64 {
        self.per_app
    }

    /// What the app's cache holds, with the files; nothing when it cannot be read.
    pub(crate) fn entries(&self, app: &AppName) -> Vec<(Entry, PathBuf)> {
        let folder = self.of(app);
        let entries = Index::read(&folder).unwrap_or_default().layers.into_iter();
        entries.map(|entry| (entry.clone(), folder.join(entry.digest.hex()))).collect()
    }

    /// Puts a new cache in the place of the old one; its size, and how much of it is new. Caches of other apps go, the oldest first,
    /// when there is no room for all.
    pub(crate) fn replace(&self, app: &AppName, changes: Vec<Change>) -> io::Result<(u64, u64)> {
        let _changing = self.changing()?;
        let folder = self.of(app);
        fs::create_dir_all(&folder)?;
        let before = Index::read(&folder).unwrap_or_default();
        let mut index = Index::default();
        let (mut files, mut fresh) = (Vec::new(), 0);
        for change in changes {
            index.layers.push(match change {
                Change::Kept(layer) => {
                    let gone = || io::Error::new(io::ErrorKind::NotFound, "a layer that was kept is gone");
                    let entry = before.find(&layer).ok_or_else(gone)?;
                    fs::metadata(folder.join(entry.digest.hex()))?;
                    Entry { metadata: layer.metadata, ..entry.clone() }
                }
                Change::New { entry, file } => {
                    fresh += entry.size;
                    files.push((file, folder.join(entry.digest.hex())));
                    entry
                }
            });
        }
        let size = index.size();
        if size > self.per_app {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {} MiB", self.per_app >> 20)));
        }
        for (file, place) in files {
            fs::rename(file, place)?;
        }
        index.write(&folder)?;
        sweep(&folder, &index)?;
        self.make_room(app)?;
        Ok((size, fresh))
    }

    /// Removes the app's cache; its size.
    pub(crate) fn clear(&self, app: &AppName) -> io::Result<u64> {
        let _changing = self.changing()?;
        remove(&self.of(app))
    }

    fn of(&self, app: &AppName) -> PathBuf {
        self.folder.join(app.as_str())
    }

    /// Removes the oldest caches until the rest is within bounds; `newest` is not asked for its age.
    fn make_room(&self, newest: &AppName) -> io::Result<()> {
        let mut caches = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let folder = entry?.path();
            let size = folder_size(&folder)?;
            // Without an index it is worth nothing.
            let used = Index::last_written(&folder).unwrap_or(SystemTime::UNIX_EPOCH);
            caches.push((folder == self.of(newest), used, size, folder));
        }
        // The newest is the last to go.
        caches.sort_by_key(|(is_newest, used, ..)| (*is_newest, *used));
        let mut left = caches.iter().map(|(_, _, size, _)| size).sum::<u64>();
        for (_, _, size, folder) in caches {
            if left <= self.total {
                break;
            }
            tracing::info!(folder = %folder.display(), size, "a build cache makes room");
            remove(&folder)?;
            left = left.saturating_sub(size);
        }
        Ok(())
    }
}

/// Removes what the index does not name: layers of the cache before, and what a builder that died has left.
fn sweep(folder: &Path, index: &Index) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_named = index.layers.iter().any(|entry| entry.digest.hex() == name);
        if !is_named && name != index::FILE {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn folder_size(folder: &Path) -> io::Result<u64> {
    let mut size = 0;
    match fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                size += entry?.metadata()?.len();
            }
            Ok(size)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Removes a folder of files, the index first: half a cache is none. Its size.
fn remove(folder: &Path) -> io::Result<u64> {
    let size = folder_size(folder)?;
    for gone in [fs::remove_file(folder.join(index::FILE)), fs::remove_dir_all(folder)] {
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(size)
}

/// What a file is called and holds.
pub(crate) fn entry(layer: CacheLayer, digest: Digest, diff_id: Digest, size: u64) -> Entry {
    let CacheLayer { buildpack, name, metadata } = layer;
    Entry { buildpack, name, metadata, digest, diff_id, size }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Volume {
        root: tempfile::TempDir,
        caches: Caches,
    }

    impl Volume {
        fn new(per_app: u64, total: u64) -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("cache");
            fs::create_dir(&folder).unwrap();
            Self { caches: Caches::new(folder, per_app, total), root }
        }

        fn new_layer(&self, name: &str, content: &str) -> Change {
            let file = self.root.path().join("spooled");
            fs::write(&file, content).unwrap();
            let digest = Digest::of(content.as_bytes());
            Change::New { entry: entry(layer(name), digest, digest, content.len() as u64), file }
        }

        fn save(&self, app: &str, changes: Vec<Change>) -> io::Result<(u64, u64)> {
            self.caches.replace(&app.parse().unwrap(), changes)
        }

        fn found(&self, app: &str) -> Vec<String> {
            let found = self.caches.entries(&app.parse().unwrap());
            found.iter().map(|(entry, file)| format!("{}={}", entry.name, fs::read_to_string(file).unwrap())).collect()
        }
    }

    fn layer(name: &str) -> CacheLayer {
        CacheLayer { buildpack: "acme/paint".to_owned(), name: name.to_owned(), metadata: String::new() }
    }

    #[test]
    fn a_cache_is_replaced_as_a_whole_and_belongs_to_one_app() {
        let volume = Volume::new(1000, 10_000);
        assert!(volume.found("one").is_empty());
        assert_eq!(volume.save("one", vec![volume.new_layer("a", "first")]).unwrap(), (5, 5));
        let more = vec![Change::Kept(layer("a")), volume.new_layer("b", "second!")];
        assert_eq!(volume.save("one", more).unwrap(), (12, 7));
        assert_eq!(volume.found("one"), ["a=first", "b=second!"]);
        assert!(volume.found("two").is_empty());
        assert_eq!(volume.save("one", vec![Change::Kept(layer("b"))]).unwrap(), (7, 0));
        assert_eq!(volume.found("one"), ["b=second!"]);
        assert_eq!(fs::read_dir(volume.root.path().join("cache/one")).unwrap().count(), 2, "the index and one layer");
        // A new cache that cannot be is none, and the old one stays.
        assert!(volume.save("one", vec![Change::Kept(layer("a"))]).is_err());
        assert!(volume.save("one", vec![volume.new_layer("c", &"x".repeat(1001))]).is_err());
        assert_eq!(volume.found("one"), ["b=second!"]);
        assert!(volume.caches.clear(&"one".parse().unwrap()).unwrap() >= 7);
        assert_eq!(volume.caches.clear(&"one".parse().unwrap()).unwrap(), 0);
        assert!(volume.found("one").is_empty());
    }

    #[test]
    fn the_oldest_caches_make_room() {
        let volume = Volume::new(10_000, 10_000);
        let big = "x".repeat(4000);
        for (age, app) in ["one", "two"].into_iter().enumerate() {
            volume.save(app, vec![volume.new_layer("a", &format!("{app}{big}"))]).unwrap();
            let index = fs::File::open(volume.root.path().join("cache").join(app).join(index::FILE)).unwrap();
            index.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 + age as u64)).unwrap();
        }
        volume.save("three", vec![volume.new_layer("a", &big)]).unwrap();
        assert_eq!(["one", "two", "three"].map(|app| volume.found(app).len()), [0, 1, 1]);
    }

    #[test]
    fn what_a_builder_that_died_has_left_is_no_cache() {
        let volume = Volume::new(1000, 10_000);
        let folder = volume.root.path().join("cache/one");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("0123"), "half a layer").unwrap();
        fs::write(folder.join(index::FILE), "{\"layers\": [").unwrap();
        assert!(volume.found("one").is_empty());
        volume.save("one", vec![volume.new_layer("a", "whole")]).unwrap();
        assert_eq!(volume.found("one"), ["a=whole"]);
        assert!(!folder.join("0123").exists());
    }
}
