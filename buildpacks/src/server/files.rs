//! From the path of a request to a file.

use std::path::{Path, PathBuf};

#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    File(PathBuf),
    /// A folder that was asked for without the slash at its end.
    Folder,
    /// With the app's own page for that, if it has one.
    Missing(Option<PathBuf>),
}

/// Finds what `path`, decoded, means below `root`, which must be canonical. Hidden files and the Procfile are no part
/// of a site, and links do not lead out of it.
pub(crate) fn find(root: &Path, path: &str) -> Found {
    let missing = || Found::Missing(Some(root.join("404.html")).filter(|page| page.is_file()));
    let names = path.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>();
    let is_hidden = |name: &&str| name.starts_with('.') && *name != ".well-known";
    if names.iter().any(is_hidden) || names == ["Procfile"] {
        return missing();
    }
    let file = names.iter().collect::<PathBuf>();
    match root.join(file).canonicalize() {
        Ok(found) if !found.starts_with(root) => missing(),
        Ok(found) if found.is_file() && !path.ends_with('/') => Found::File(found),
        Ok(found) if found.is_dir() && !path.ends_with('/') => Found::Folder,
        Ok(found) if found.join("index.html").is_file() => Found::File(found.join("index.html")),
        _ => missing(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_belongs_to_the_site() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::create_dir_all(root.join("empty")).unwrap();
        fs::create_dir_all(root.join(".well-known")).unwrap();
        for file in ["index.html", "docs/index.html", "a b.txt", ".env", "Procfile", ".well-known/x"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink("/etc", root.join("etc")).unwrap();
        let file = |path: &str| Found::File(root.join(path));
        for (path, expected) in [
            ("/", file("index.html")),
            ("//", file("index.html")),
            ("/index.html", file("index.html")),
            ("/a b.txt", file("a b.txt")),
            ("/docs", Found::Folder),
            ("/docs/", file("docs/index.html")),
            ("/.well-known/x", file(".well-known/x")),
        ] {
            assert_eq!(find(&root, path), expected, "{path}");
        }
        for path in
            ["/.env", "/Procfile", "/..", "/docs/../index.html", "/etc/passwd", "/etc", "/none", "/empty/", "/a b.txt/"]
        {
            assert_eq!(find(&root, path), Found::Missing(None), "{path}");
        }
        fs::write(root.join("404.html"), "").unwrap();
        assert_eq!(find(&root, "/none"), Found::Missing(Some(root.join("404.html"))));
    }
}
