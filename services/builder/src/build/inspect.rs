//! What a commit names but does not hold: submodules, and files of Git LFS. A build would miss them without a word.

/// The unit of a tar archive (pax(1), "ustar Interchange Format").
const BLOCK: usize = 512;

/// How the file begins that stands for another one (git-lfs, "spec.md").
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";

/// A pointer is shorter than this.
const MAX_POINTER: u64 = 1024;

/// Reads an archive that passes by.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    header: Vec<u8>,
    path: String,
    /// The beginning of a file that may be a pointer.
    beginning: Vec<u8>,
    /// Bytes of the entry that are to come, those that fill up its last block included.
    left: u64,
    may_be_pointer: bool,
    has_submodules: bool,
    pointers: usize,
    first_pointer: Option<String>,
}

impl Inspector {
    /// Takes the next bytes, however the archive was cut.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = if self.left > 0 {
                usize::try_from(self.left).unwrap_or(usize::MAX)
            } else {
                BLOCK.saturating_sub(self.header.len())
            };
            let (now, later) = bytes.split_at(wanted.min(bytes.len()));
            bytes = later;
            if self.left > 0 {
                self.content(now);
            } else {
                self.header.extend_from_slice(now);
                if self.header.len() == BLOCK {
                    self.entry();
                }
            }
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if self.may_be_pointer {
            let room = POINTER.len().saturating_sub(self.beginning.len());
            self.beginning.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            if self.beginning == POINTER {
                self.may_be_pointer = false;
                self.pointers += 1;
                self.first_pointer.get_or_insert_with(|| self.path.clone());
            }
        }
    }

    fn entry(&mut self) {
        let field = |from: usize, length: usize| {
            let bytes = self.header.get(from..from + length).unwrap_or_default();
            String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        let (name, prefix) = (field(0, 100), field(345, 155));
        // Sizes that need more than eleven octal digits are in a header before: such a file is no pointer.
        let size = u64::from_str_radix(field(124, 12).trim(), 8).unwrap_or_default();
        let is_file = matches!(self.header.get(156), Some(b'0' | 0));
        self.path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        self.has_submodules |= is_file && self.path == ".gitmodules";
        self.may_be_pointer = is_file && size < MAX_POINTER;
        self.left = size.next_multiple_of(BLOCK as u64);
        self.beginning.clear();
        self.header.clear();
    }

    /// Sentences for the person who pushed.
    pub(super) fn remarks(self) -> impl Iterator<Item = String> {
        let submodules = self.has_submodules.then(|| {
            "Submodules are not fetched: their folders are empty in this build. Commit the files themselves.".to_owned()
        });
        let pointers = self.first_pointer.map(|path| {
            let others = match self.pointers {
                1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!(
                "{path}{others} is a pointer of Git LFS: the content is not part of a push, and not of this build. Commit the files themselves."
            )
        });
        submodules.into_iter().chain(pointers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn remarks(archive: &[u8], piece: usize) -> Vec<String> {
        let mut inspector = Inspector::default();
        archive.chunks(piece).for_each(|bytes| inspector.feed(bytes));
        inspector.remarks().collect()
    }

    #[test]
    fn pointers_and_submodules_are_found_however_the_archive_is_cut() {
        let long = format!("{}/logo.png", "d".repeat(120));
        let pointer = [POINTER, b"oid sha256:4d7a\nsize 12345\n"].concat();
        let files: &[(&str, &[u8])] = &[
            ("README", POINTER.get(1..).unwrap()),
            (".gitmodules", b"[submodule \"a\"]"),
            ("big", &[b'x'; 5000]),
            (&long, &pointer),
            ("b.png", &pointer),
            ("empty", b""),
        ];
        let archive = archive(files);
        for piece in [1, 7, 512, 1000, 65_536] {
            let remarks = remarks(&archive, piece);
            assert_eq!(remarks.len(), 2, "{remarks:?}");
            assert!(remarks[0].starts_with("Submodules are not fetched"), "{remarks:?}");
            assert!(remarks[1].starts_with(&format!("{long} (and 1 more) is a pointer of Git LFS")), "{remarks:?}");
        }
    }

    #[test]
    fn others_have_none() {
        let files: &[(&str, &[u8])] = &[("vendor/.gitmodules", b""), ("a", POINTER.get(..40).unwrap()), ("b", b"")];
        assert!(remarks(&archive(files), 100).is_empty());
    }
}
