//! What the kubelet and the runtime do with the log files of a container.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;

/// Where runtimes cut.
const PART: usize = 16 * 1024;
/// Rotated files that the kubelet keeps, with the one being written and the one that was just rotated: five in all.
const KEPT: usize = 3;

pub(crate) struct Container {
    folder: PathBuf,
    file: File,
    rotations: u32,
}

impl Container {
    /// A container that has just been started; the uid of its pod is `uid-of-{pod}`.
    pub(crate) fn start(root: &Path, namespace: &str, pod: &str) -> Self {
        let folder = root.join(format!("{namespace}_{pod}_uid-of-{pod}")).join("web");
        fs::create_dir_all(&folder).unwrap();
        let file = File::create_new(folder.join("0.log")).unwrap();
        Self { folder, file, rotations: 0 }
    }

    /// The app prints a line.
    pub(crate) fn print(&mut self, text: &str) {
        let record = record("stdout", text);
        self.file.write_all(&record).unwrap();
    }

    /// The app prints some lines at once.
    pub(crate) fn print_all(&mut self, lines: impl Iterator<Item = String>) {
        let records: Vec<u8> = lines.flat_map(|text| record("stdout", &text)).collect();
        self.file.write_all(&records).unwrap();
    }

    /// The runtime writes these bytes.
    pub(crate) fn print_raw(&mut self, bytes: &[u8]) {
        self.file.write_all(bytes).unwrap();
    }

    /// The file that is being written.
    pub(crate) fn inode(&self) -> u64 {
        self.file.metadata().unwrap().ino()
    }

    /// As the kubelet rotates: old files go, all but the newest are compressed, the current one is renamed and the runtime is told
    /// to open another. The app does not stop meanwhile: what it prints now goes to the old file, under its new name.
    pub(crate) fn rotate(&mut self, meanwhile: impl Iterator<Item = String>) {
        let mut rotated: Vec<_> = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        rotated.retain(|path| path.to_str().unwrap().contains("0.log."));
        rotated.sort();
        let surplus = rotated.len().saturating_sub(KEPT);
        for path in rotated.drain(..surplus) {
            fs::remove_file(path).unwrap();
        }
        for path in rotated.iter().filter(|path| path.extension().is_none_or(|extension| extension != "gz")) {
            compress(path);
        }
        self.rotations += 1;
        let current = self.folder.join("0.log");
        fs::rename(&current, self.folder.join(format!("0.log.20260101-{:06}", self.rotations))).unwrap();
        let meanwhile: Vec<_> = meanwhile.collect();
        let (before, after) = meanwhile.split_at(meanwhile.len() / 2);
        self.print_all(before.iter().cloned());
        let new = File::create_new(&current).unwrap();
        // The runtime empties its pipe.
        self.print_all(after.iter().cloned());
        self.file = new;
    }

    /// The pod is gone, and its files with it.
    pub(crate) fn remove(self) {
        fs::remove_dir_all(self.folder.parent().unwrap()).unwrap();
    }
}

/// The records of a line.
pub(crate) fn record(stream: &str, text: &str) -> Vec<u8> {
    let time = Timestamp::now();
    let mut parts = text.as_bytes().chunks(PART).collect::<Vec<_>>();
    let last = parts.pop().unwrap_or_default();
    let mut records = Vec::with_capacity(text.len() + 64);
    for (part, tag) in parts.into_iter().map(|part| (part, "P")).chain([(last, "F")]) {
        write!(records, "{time:.9} {stream} {tag} ").unwrap();
        records.extend_from_slice(part);
        records.push(b'\n');
    }
    records
}

fn compress(path: &Path) {
    let name = |extension: &str| PathBuf::from(format!("{}.{extension}", path.display()));
    let mut packed = GzEncoder::new(File::create(name("tmp")).unwrap(), Compression::fast());
    packed.write_all(&fs::read(path).unwrap()).unwrap();
    packed.finish().unwrap();
    fs::rename(name("tmp"), name("gz")).unwrap();
    fs::remove_file(path).unwrap();
}
