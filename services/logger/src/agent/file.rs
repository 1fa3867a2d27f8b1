//! One log file, whatever it is called by now.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// First bytes that tell one file from another: a record begins with its time in nanoseconds.
const HEAD: usize = 64;
/// With less than a time in nanoseconds two files may begin alike.
const TELLING: usize = 30;
/// After this long without a change nobody writes to a file any more that has a successor.
const SETTLED: Duration = Duration::from_secs(2);
/// For this long a runtime may still write to a file after its successor was seen: it empties its pipe.
const GRACE: Duration = Duration::from_millis(300);

/// A file in a container's folder: `{restart}.log`, `{restart}.log.{time}` once rotated, `….gz` once compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) restart: u32,
    /// When it was rotated; the one being written comes last.
    order: Option<String>,
    pub(crate) is_packed: bool,
}

impl Listed {
    /// Whether others came before it, of which some may be gone.
    pub(crate) fn is_rotated(&self) -> bool {
        self.order.is_some()
    }

    fn parse(folder: &Path, name: &str) -> Option<Self> {
        let (restart, rest) = name.split_once(".log")?;
        let restart = restart.parse().ok()?;
        let (order, is_packed) = match (rest.strip_prefix('.'), rest) {
            (_, "") => (None, false),
            (Some(time), _) => match time.strip_suffix(".gz") {
                Some(time) => (Some(time), true),
                None => (Some(time), false),
            },
            (None, _) => return None,
        };
        // The kubelet compresses into `.tmp` files.
        let is_time = |time: &&str| time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if order.is_some_and(|time| !is_time(&time)) {
            return None;
        }
        Some(Self { path: folder.join(name), restart, order: order.map(ToOwned::to_owned), is_packed })
    }
}

/// The files of a container, oldest first for each restart. A file that is there both ways counts as it was.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        files.extend(name.to_str().and_then(|name| Listed::parse(folder, name)));
    }
    let key = |file: &Listed| (file.restart, file.order.is_none(), file.order.clone(), file.is_packed);
    files.sort_by_key(key);
    files.dedup_by(|next, one| (next.restart, &next.order) == (one.restart, &one.order));
    Ok(files)
}

/// What a file is known by after the agent was away: neither its name nor its inode stay when it is compressed, and an inode may
/// be another file's by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// How many of its first bytes were known, and their digest: they may be an app's secrets.
    known: usize,
    digest: String,
    /// Position of its first byte among all files of its source.
    pub(crate) base: u64,
}

/// An open file. It stays readable after it was renamed, compressed and removed.
#[derive(Debug)]
pub(crate) struct LogFile {
    place: (u64, u64),
    head: Vec<u8>,
    content: Content,
    /// Bytes read.
    pub(crate) offset: u64,
    /// When its successor was seen.
    superseded: Option<Instant>,
}

#[derive(Debug)]
enum Content {
    Plain(File),
    Packed(Box<MultiGzDecoder<File>>),
}

impl LogFile {
    /// Opens a regular file; links are not followed, pipes not waited for.
    pub(crate) fn open(listed: &Listed) -> io::Result<Self> {
        let file = open(&listed.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_a_file());
        }
        let mut opened = Self {
            place: (metadata.dev(), metadata.ino()),
            head: Vec::new(),
            content: Content::Plain(file),
            offset: 0,
            superseded: None,
        };
        if listed.is_packed {
            MultiGzDecoder::new(open(&listed.path)?).take(HEAD as u64).read_to_end(&mut opened.head)?;
            if let Content::Plain(file) = opened.content {
                opened.content = Content::Packed(Box::new(MultiGzDecoder::new(file)));
            }
        }
        opened.learn();
        Ok(opened)
    }

    /// Learns more of a file that was short.
    pub(crate) fn learn(&mut self) {
        let Content::Plain(file) = &self.content else { return };
        if self.head.len() < HEAD {
            let mut head = [0; HEAD];
            // What cannot be read now is learned later.
            let read = file.read_at(&mut head, 0).unwrap_or(0);
            self.head = head.get(..read).unwrap_or_default().to_vec();
        }
    }

    pub(crate) fn place(&self) -> (u64, u64) {
        self.place
    }

    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.content, Content::Packed(_))
    }

    /// When its first record was written, in seconds since 1970.
    pub(crate) fn begin(&self) -> Option<i64> {
        let time = self.head.split(|byte| *byte == b' ').next()?;
        Some(std::str::from_utf8(time).ok()?.parse::<Timestamp>().ok()?.as_second())
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether these are the first bytes of this file too, or of its compressed copy.
    pub(crate) fn begins_like(&self, head: &[u8]) -> bool {
        head.len().min(self.head.len()) >= TELLING && (self.head.starts_with(head) || head.starts_with(&self.head))
    }

    pub(crate) fn identity(&self, base: u64) -> Identity {
        Identity { known: self.head.len(), digest: digest(&self.head), base }
    }

    /// Whether it is the one that was known by this. One of which too little was known then is not found.
    pub(crate) fn is(&self, identity: &Identity) -> bool {
        let head = self.head.get(..identity.known).filter(|head| head.len() >= TELLING);
        head.is_some_and(|head| digest(head) == identity.digest)
    }

    /// Goes to where reading begins.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        if let Content::Packed(unpacked) = &mut self.content {
            io::copy(&mut unpacked.take(offset), &mut io::sink())?;
        }
        self.offset = offset;
        Ok(())
    }

    /// Reads on; 0 is the end for now.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.content {
            Content::Plain(file) => file.read_at(buffer, self.offset)?,
            Content::Packed(unpacked) => unpacked.read(buffer)?,
        };
        self.offset += read as u64;
        Ok(read)
    }

    /// A successor was seen.
    pub(crate) fn supersede(&mut self, now: Instant) {
        self.superseded.get_or_insert(now);
    }

    /// Whether nothing can be added to it any more.
    pub(crate) fn is_final(&self, now: Instant) -> bool {
        let Content::Plain(file) = &self.content else { return true };
        let Some(superseded) = self.superseded else { return false };
        let changed = file.metadata().and_then(|metadata| metadata.modified());
        let quiet = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        now.duration_since(superseded) >= GRACE || quiet.is_some_and(|quiet| quiet >= SETTLED)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::ELOOP as i32 => not_a_file(),
        _ => error,
    })
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "not a regular file")
}

fn digest(head: &[u8]) -> String {
    Sha256::digest(head).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_the_order_in_which_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "1.log",
            "0.log",
            "0.log.20260102-000000",
            "0.log.20260101-000000.gz",
            "0.log.20260102-000000.gz",
            "0.log.20260102-000000.tmp",
            "x.log",
            "0.txt",
            "0.log5",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = list(folder.path()).unwrap().into_iter();
        let names = names.map(|file| file.path.file_name().unwrap().to_str().unwrap().to_owned());
        assert_eq!(names.collect::<Vec<_>>(), ["0.log.20260101-000000.gz", "0.log.20260102-000000", "0.log", "1.log"]);
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("0.log")).unwrap();
        std::fs::create_dir(folder.path().join("1.log")).unwrap();
        for listed in list(folder.path()).unwrap() {
            assert!(LogFile::open(&listed).is_err(), "{listed:?}");
        }
    }

    #[test]
    fn a_file_is_known_by_its_beginning_also_when_it_was_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.log");
        let begun = "2026-11-23T18:25:07.123456789Z";
        std::fs::write(&path, begun).unwrap();
        let listed = |name: &str| Listed::parse(folder.path(), name).unwrap();
        let identity = LogFile::open(&listed("0.log")).unwrap().identity(7);

        let packed = File::create(folder.path().join("0.log.20260101-000000.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        io::Write::write_all(&mut packed, format!("{begun}, and then it grew").as_bytes()).unwrap();
        packed.finish().unwrap();
        let mut packed = LogFile::open(&listed("0.log.20260101-000000.gz")).unwrap();
        assert!(packed.is(&identity));
        packed.skip_to(begun.len() as u64 + 2).unwrap();
        let mut rest = [0; 64];
        let read = packed.read(&mut rest).unwrap();
        assert_eq!(&rest[..read], b"and then it grew");

        std::fs::write(&path, begun.replace('9', "8")).unwrap();
        assert!(!LogFile::open(&listed("0.log")).unwrap().is(&identity));
        std::fs::write(&path, "").unwrap();
        let empty = LogFile::open(&listed("0.log")).unwrap();
        assert!(!empty.is(&empty.identity(0)), "nothing is known of it");
    }
}
