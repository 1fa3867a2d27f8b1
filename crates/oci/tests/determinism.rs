//! The same tree gives the same digest, whatever the order, the times and the umask.
#![expect(clippy::unwrap_used, reason = "tests assert by panicking")]

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use deis_oci::{Compression, Layer, LayerPath, Limits, Meta, Owner, Tree, check_layer};
use proptest::prelude::*;

const OWNER: Owner = Owner { uid: 1000, gid: 1000 };

/// What can be in a folder: path, whether it may be executed, content.
fn files() -> impl Strategy<Value = BTreeMap<String, (bool, Vec<u8>)>> {
    let path = prop::collection::vec("[a-z][a-z0-9._-]{0,60}", 1..4).prop_map(|parts| parts.join("/f"));
    prop::collection::btree_map(path, (any::<bool>(), prop::collection::vec(any::<u8>(), 0..2000)), 0..8).prop_map(
        |files| {
            // A path that is the folder of another cannot be a file.
            let folders: Vec<String> = files.keys().cloned().collect();
            files
                .into_iter()
                .filter(|(path, _)| !folders.iter().any(|other| other.starts_with(&format!("{path}/"))))
                .collect()
        },
    )
}

/// Writes the files in one order or its reverse, with one umask or another, at one time or another.
fn on_disk(root: &Path, files: &BTreeMap<String, (bool, Vec<u8>)>, reverse: bool, loose: bool, time: u64) {
    let mut order: Vec<_> = files.iter().collect();
    if reverse {
        order.reverse();
    }
    for (path, (executable, content)) in order {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = match (executable, loose) {
            (false, false) => 0o600,
            (false, true) => 0o664,
            (true, false) => 0o700,
            (true, true) => 0o775,
        };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(time));
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    }
}

fn pack(root: &Path, compression: Compression) -> (Layer, Vec<u8>) {
    let mut tree = Tree::new();
    tree.add(root, LayerPath::parse("workspace").unwrap(), OWNER).unwrap();
    tree.write(compression, Vec::new()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_times_and_umask_leave_no_trace(files in files(), gzip in any::<bool>()) {
        let compression = if gzip { Compression::Gzip } else { Compression::None };
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        on_disk(one.path(), &files, false, false, 1_000_000_000);
        on_disk(other.path(), &files, true, true, 1_700_000_000);
        let ((one, bytes), (other, _)) = (pack(one.path(), compression), pack(other.path(), compression));
        prop_assert_eq!(one, other);

        let limits = Limits { roots: vec![LayerPath::parse("workspace").unwrap()], ..Limits::default() };
        let checked = check_layer(bytes.as_slice(), compression, &limits).unwrap();
        prop_assert_eq!(checked.layer, one);
        let content: usize = files.values().map(|(_, content)| content.len()).sum();
        prop_assert_eq!(checked.content, content as u64);
        checked.expect(&one).unwrap();
    }
}

#[test]
fn gzip_changes_the_blob_and_not_its_content() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "a".repeat(10_000)).unwrap();
    let ((plain, _), (gzip, _)) = (pack(folder.path(), Compression::None), pack(folder.path(), Compression::Gzip));
    assert_eq!(plain.diff_id, gzip.diff_id);
    assert_eq!(plain.digest, plain.diff_id);
    assert_ne!(gzip.digest, gzip.diff_id);
    assert!(gzip.size < plain.size / 10);
}

/// Digests are names that registries and manifests keep: this one may change only on purpose, and then every image is
/// new.
#[test]
fn digests_stay_from_release_to_release() {
    let mut tree = Tree::new();
    let path = |path: &str| LayerPath::parse(path).unwrap();
    tree.directory(path("workspace"), Meta::directory(OWNER));
    tree.file(path("workspace/web"), Meta::file(OWNER, true), "#!/bin/sh\n");
    tree.file(path(&format!("workspace/{}", "long/".repeat(40) + "name")), Meta::file(OWNER, false), "x");
    tree.symlink(path("workspace/link"), "web//../web", OWNER);
    tree.symlink(path("workspace/far"), "/".to_owned() + &"far/".repeat(40), OWNER);
    let (layer, bytes) = tree.write(Compression::None, Vec::new()).unwrap();
    assert_eq!(layer.digest.to_string(), "sha256:04d744772e1eed34b83faf84c564c3138a42cf9c0c2acd60c77006c6ed6fae65");
    assert_eq!(check_layer(bytes.as_slice(), Compression::None, &Limits::default()).unwrap().entries, 5);
}

#[test]
fn links_are_kept_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/etc/passwd", folder.path().join("passwd")).unwrap();
    let (_, bytes) = pack(folder.path(), Compression::None);
    let target = tempfile::tempdir().unwrap();
    deis_oci::unpack(bytes.as_slice(), Compression::None, target.path(), &Limits::default()).unwrap();
    assert_eq!(fs::read_link(target.path().join("workspace/passwd")).unwrap(), Path::new("/etc/passwd"));
}

#[test]
fn what_cannot_stand_in_a_layer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let error = Tree::new().add(folder.path(), LayerPath::parse("app").unwrap(), OWNER).unwrap_err();
    assert_eq!(error.to_string(), r#"entry "app/socket" is neither file, folder nor symbolic link"#);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".wh.me"), "").unwrap();
    let error = Tree::new().add(folder.path(), LayerPath::parse("app").unwrap(), OWNER).unwrap_err();
    assert_eq!(error.to_string(), r#"path "app/.wh.me" is a whiteout"#);
}
