//! Layers and archives made by somebody who means harm.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests assert by panicking")]

use std::fs;
use std::io::Write;

use deis_oci::{Compression, Error, LayerPath, Limits, check_layer, unpack};
use tar::{EntryType, Header};

/// An archive under construction, with none of the checks of a decent program.
#[derive(Default)]
struct Hostile(Vec<u8>);

impl Hostile {
    fn entry(mut self, kind: EntryType, path: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str) -> Self {
        self.entry(EntryType::Regular, path, "", 0o644, b"x")
    }

    fn folder(self, path: &str) -> Self {
        self.entry(EntryType::Directory, path, "", 0o755, b"")
    }

    fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Symlink, path, target, 0o777, b"")
    }

    fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(EntryType::Link, path, target, 0o644, b"")
    }

    fn pax(self, kind: EntryType, key: &str, value: &str) -> Self {
        let text = format!(" {key}={value}\n");
        let length = (1..).map(|digits| text.len() + digits).find(|n| n.to_string().len() + text.len() == *n).unwrap();
        self.entry(kind, "pax", "", 0o644, format!("{length}{text}").as_bytes())
    }

    fn done(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn check(archive: &[u8]) -> Result<deis_oci::CheckedLayer, Error> {
    check_layer(archive, Compression::None, &Limits::default())
}

#[test]
fn attacks_are_refused_by_check_and_by_unpack() {
    let h = Hostile::default;
    let attacks = [
        ("absolute path", h().file("/etc/passwd"), "is absolute"),
        ("path to above", h().file("../etc/passwd"), "is not a name"),
        ("path to above inside", h().file("a/../../b"), "is not a name"),
        ("current folder", h().file("./a"), "is not a name"),
        ("empty component", h().file("a//b"), "has an empty component"),
        ("empty path", h().file(""), "has an empty component"),
        ("file with a folder's name", h().file("a/"), "has an empty component"),
        ("whiteout", h().file("etc/.wh.passwd"), "is a whiteout"),
        ("opaque whiteout", h().file("etc/.wh..wh..opq"), "is a whiteout"),
        ("twice", h().file("a").file("a"), "is there twice"),
        ("folder, then link", h().folder("a").symlink("a", "/etc"), "is there twice"),
        ("implied folder, then link", h().file("a/b").symlink("a", "/etc"), "is there twice"),
        ("through a link", h().symlink("a", "/etc").file("a/passwd"), "below something that is not a folder"),
        ("folder through a link", h().symlink("a", "/etc").folder("a/b/"), "below something that is not a folder"),
        ("below a file", h().file("a").file("a/b"), "below something that is not a folder"),
        ("hard link to above", h().hard_link("a", "../../etc/shadow"), "is not a name"),
        ("hard link to the root", h().hard_link("a", "/etc/shadow"), "is absolute"),
        ("hard link out of the layer", h().hard_link("a", "etc/shadow"), "is a hard link to something"),
        ("hard link to a link", h().symlink("a", "/etc/shadow").hard_link("b", "a"), "is a hard link to something"),
        ("hard link to a folder", h().folder("a").hard_link("b", "a"), "is a hard link to something"),
        ("link to nowhere", h().symlink("a", ""), "is a link to nowhere"),
        ("character device", h().entry(EntryType::Char, "a", "", 0o666, b""), "is neither file"),
        ("block device", h().entry(EntryType::Block, "a", "", 0o666, b""), "is neither file"),
        ("pipe", h().entry(EntryType::Fifo, "a", "", 0o666, b""), "is neither file"),
        ("sparse file", h().entry(EntryType::GNUSparse, "a", "", 0o666, b""), "is neither file"),
        ("contiguous file", h().entry(EntryType::Continuous, "a", "", 0o666, b""), "is neither file"),
        ("vendor's type", h().entry(EntryType::new(b'V'), "a", "", 0o666, b""), "is neither file"),
        ("folder with content", h().entry(EntryType::Directory, "a", "", 0o755, b"x"), "has content"),
        ("link with content", h().entry(EntryType::Symlink, "a", "b", 0o755, b"x"), "has content"),
        ("long absolute path", h().entry(EntryType::GNULongName, "L", "", 0, b"/etc\0").file("a"), "is absolute"),
        ("extended absolute path", h().pax(EntryType::XHeader, "path", "/etc").file("a"), "is absolute"),
        ("zero byte", h().entry(EntryType::GNULongName, "L", "", 0, b"a\0b\0").file("a"), "has a zero byte"),
    ];
    for (name, attack, expected) in attacks {
        let archive = attack.done();
        let error = check(&archive).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");

        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("into");
        let error = unpack(archive.as_slice(), Compression::None, &into, &Limits::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: nothing beside the folder");
    }
}

#[test]
fn archives_that_readers_understand_differently_are_malformed() {
    let h = Hostile::default;
    let archives = [
        (
            "two long names",
            h().entry(EntryType::GNULongName, "L", "", 0, b"a").pax(EntryType::XHeader, "path", "b").file("c"),
        ),
        ("size in an extended header", h().pax(EntryType::XHeader, "size", "0").file("a")),
        ("attributes", h().pax(EntryType::XHeader, "SCHILY.xattr.security.capability", "x").file("a")),
        ("global path", h().pax(EntryType::XGlobalHeader, "path", "b").file("a")),
        ("extension without entry", h().entry(EntryType::GNULongName, "L", "", 0, b"a")),
    ];
    for (name, archive) in archives {
        let error = check(&archive.done()).unwrap_err();
        assert!(matches!(error, Error::Archive(_)), "{name}: {error}");
    }

    let mut wrong_sum = Hostile::default().file("a").done();
    wrong_sum[0] = b'b';
    assert!(matches!(check(&wrong_sum), Err(Error::Archive(_))));

    let truncated = Hostile::default().file("a").done();
    assert!(matches!(check(&truncated[..512]), Err(Error::Archive(_))));

    let mut version_7 = Header::new_old();
    version_7.set_size(0);
    version_7.set_path("a").unwrap();
    version_7.set_mode(0o644);
    version_7.set_cksum();
    assert!(matches!(check(version_7.as_bytes()), Err(Error::Archive(_))));
}

#[test]
fn setuid_programs_are_refused_in_layers_and_tamed_by_unpack() {
    let archive = Hostile::default().entry(EntryType::Regular, "su", "", 0o4755, b"x").done();
    assert_eq!(check(&archive).unwrap_err().to_string(), r#"entry "su" is setuid or setgid"#);

    let folder = tempfile::tempdir().unwrap();
    unpack(archive.as_slice(), Compression::None, folder.path(), &Limits::default()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.path().join("su")).unwrap().permissions());
    assert_eq!(mode & 0o7000, 0);
}

#[test]
fn nothing_may_follow_the_end() {
    let mut archive = Hostile::default().file("a").done();
    archive.extend(Hostile::default().file("hidden").done());
    assert!(matches!(check(&archive), Err(Error::Trailing)));

    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let check = |packed: &[u8]| check_layer(packed, Compression::Gzip, &Limits::default());
    let first = gzip(&Hostile::default().file("a").done());
    assert_eq!(check(&first).unwrap().entries, 1);
    let two_members = [first.clone(), gzip(&Hostile::default().file("hidden").done())].concat();
    assert!(matches!(check(&two_members), Err(Error::Trailing)));
    assert!(matches!(check(&[first.as_slice(), b"x"].concat()), Err(Error::Trailing)));
    assert!(check(&first[..first.len() - 1]).is_err());
    assert!(matches!(check(b"not gzip at all"), Err(Error::Archive(_))));
}

#[test]
fn limits_end_the_reading() {
    let limits = Limits { entries: 2, unpacked: 4096, packed: 8192, roots: vec![LayerPath::parse("app").unwrap()] };
    let check = |archive: Hostile| check_layer(archive.done().as_slice(), Compression::None, &limits);
    assert_eq!(check(Hostile::default().folder("app").file("app/a")).unwrap().entries, 2);
    let refusals = [
        (Hostile::default().file("app/a").file("app/b").file("app/c"), "the layer has more than 2 entries"),
        (
            Hostile::default().entry(EntryType::Regular, "app/a", "", 0o644, &[0; 5000]),
            "the layer has more than 4096 bytes",
        ),
        (Hostile::default().file("application"), r#"entry "application" lies outside the folders of a layer"#),
        (
            Hostile::default().entry(EntryType::GNULongName, "L", "", 0, &[b'a'; 20_000]).file("app/a"),
            "the layer has more than 16384 bytes in an extension record",
        ),
    ];
    for (archive, expected) in refusals {
        assert_eq!(check(archive).unwrap_err().to_string(), expected);
    }
}

/// A few kilobytes that unpack to a gigabyte: reading stops at the limit.
#[test]
fn bombs_do_not_go_off() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mut header = Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_size(1 << 30);
    header.set_mode(0o644);
    header.set_cksum();
    bomb.write_all(header.as_bytes()).unwrap();
    for _ in 0..64 {
        bomb.write_all(&[0; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let limits = Limits { unpacked: 1 << 20, ..Limits::default() };
    let error = check_layer(bomb.as_slice(), Compression::Gzip, &limits).unwrap_err();
    assert!(matches!(error, Error::Limit { limit: 1_048_576, .. }), "{error}");
}

#[test]
fn a_broken_stream_is_not_the_archives_fault() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let Error::Stream(source) = check_layer(Broken, Compression::None, &Limits::default()).unwrap_err() else {
        panic!("not the stream's error")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn what_git_archive_writes_is_unpacked() {
    let long = "a/".repeat(60) + "file";
    let archive = Hostile::default()
        .pax(EntryType::XGlobalHeader, "comment", "5bd5a1e0c8b5b1b7a7f8d8d2f9bd9c7ba9a2d5c5")
        .folder("bin/")
        .entry(EntryType::Regular, "bin/run", "", 0o775, b"#!/bin/sh\n")
        .symlink("run", "bin/run")
        .pax(EntryType::XHeader, "path", &long)
        .file("cut-short")
        .hard_link("copy", "bin/run")
        .done();
    let folder = tempfile::tempdir().unwrap();
    let found = unpack(archive.as_slice(), Compression::None, folder.path(), &Limits::default()).unwrap();
    assert_eq!((found.entries, found.content), (5, 11));
    assert_eq!(fs::read(folder.path().join("run")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read(folder.path().join("copy")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read(folder.path().join(long)).unwrap(), b"x");

    let again = unpack(archive.as_slice(), Compression::None, folder.path(), &Limits::default());
    assert!(matches!(again, Err(Error::Write { .. })), "a folder with something in it is refused");
}
