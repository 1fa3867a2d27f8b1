//! Patterns of paths as slices use them: those of Go's `path/filepath.Match`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The paths below `root`, relative to it, that `pattern` matches component by component; sorted. Nothing outside of
/// `root` is ever matched, and symbolic links are not followed.
pub(crate) fn find(root: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let pattern = match component {
            Component::Normal(pattern) => pattern.as_bytes(),
            Component::CurDir => continue,
            Component::RootDir | Component::Prefix(_) | Component::ParentDir => return Ok(Vec::new()),
        };
        let mut next = Vec::new();
        for folder in found {
            let path = root.join(&folder);
            if !fs::symlink_metadata(&path)?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(path)? {
                let name = entry?.file_name();
                if matches(pattern, OsStr::as_bytes(&name)) {
                    next.push(folder.join(name));
                }
            }
        }
        found = next;
    }
    found.retain(|path| !path.as_os_str().is_empty());
    found.sort();
    Ok(found)
}

/// `*` any characters, `?` one, `[a-z]` and `[^a-z]` one of a set, `\` the next character itself.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|tail| matches(rest, tail))),
        ([b'?', rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        ([b'[', rest @ ..], [byte, tail @ ..]) => match set(rest, *byte) {
            Some((is_in, rest)) => is_in && matches(rest, tail),
            None => false,
        },
        ([b'\\', literal, rest @ ..], [byte, tail @ ..]) => literal == byte && matches(rest, tail),
        ([literal, rest @ ..], [byte, tail @ ..]) => literal == byte && matches(rest, tail),
        _ => false,
    }
}

/// Whether `byte` is in the set that `pattern` begins with, and what comes after its bracket; none without a bracket.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut is_in = false;
    loop {
        rest = match rest {
            [b']', rest @ ..] => return Some((is_in != negated, rest)),
            [low, b'-', high, rest @ ..] if *high != b']' => {
                is_in |= (low..=high).contains(&&byte);
                rest
            }
            [one, rest @ ..] => {
                is_in |= *one == byte;
                rest
            }
            [] => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("*.js", "app.js", true),
            ("*.js", "app.css", false),
            ("a*c", "abbbc", true),
            ("?", "a", true),
            ("?", "ab", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[abc", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn only_what_is_inside_is_found() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["assets/css", "assets/js", "lib"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("assets/js/app.js"), "").unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("out")).unwrap();
        let find = |pattern: &str| find(root.path(), pattern).unwrap();
        assert_eq!(find("assets/*"), [PathBuf::from("assets/css"), PathBuf::from("assets/js")]);
        assert_eq!(find("./assets/*/*.js"), [PathBuf::from("assets/js/app.js")]);
        for pattern in ["out/*", "../*", "/etc/*", "none", "."] {
            assert!(find(pattern).is_empty(), "{pattern}");
        }
    }
}
