//! `images.toml`: what each image is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// The root that every other one extends.
pub const BASE: &str = "base";

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The Debian release, by its name.
    pub suite: String,
    /// Root file systems by name.
    #[serde(default)]
    pub roots: BTreeMap<String, Root>,
    /// Images by name, the last part of their reference.
    pub images: BTreeMap<String, Image>,
}

/// A root file system of Debian packages.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Packages beside the essential ones and those of the base.
    pub packages: Vec<String>,
    /// Whether packages may come from the release's backports.
    #[serde(default)]
    pub backports: bool,
    /// Users to make before packages are installed, with their number, which is their group's too.
    #[serde(default)]
    pub users: BTreeMap<String, u32>,
    /// Folders to make before packages are installed, for packages that take them for granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// Shell commands to run in the root when all packages are installed; they may differ between runs in nothing.
    #[serde(default)]
    pub commands: Vec<String>,
    /// Paths to leave out, with all below; a `*` at the end stands for any rest of a name.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// One image.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The root below; none for a program that needs nothing.
    pub root: Option<String>,
    /// `uid:gid` in numbers.
    pub user: String,
    pub entrypoint: Vec<String>,
    pub working_dir: Option<String>,
    pub stop_signal: Option<String>,
    /// TCP ports, for people who read the config.
    #[serde(default)]
    pub ports: Vec<u16>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Absolute path in the image to where the file comes from.
    pub files: BTreeMap<String, Source>,
}

/// Where a file of an image comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A program that cargo built.
    Program(String),
    /// A program that `upstream/` built.
    Upstream(String),
    /// A file or folder beside the catalog.
    File(PathBuf),
    /// A symbolic link to a target in the image.
    Link(String),
    /// An empty folder that belongs to the image's user.
    Directory,
    /// Another image of the catalog, as an OCI layout.
    Image(String),
}

impl TryFrom<String> for Source {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        match text.split_once(':') {
            Some(("bin", name)) => Ok(Self::Program(name.to_owned())),
            Some(("upstream", name)) => Ok(Self::Upstream(name.to_owned())),
            Some(("file", path)) => Ok(Self::File(path.into())),
            Some(("link", target)) => Ok(Self::Link(target.to_owned())),
            Some(("image", name)) => Ok(Self::Image(name.to_owned())),
            None if text == "directory" => Ok(Self::Directory),
            _ => bail!("{text:?} is none of bin:, upstream:, file:, link:, image:, directory"),
        }
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        match source {
            Source::Program(name) => format!("bin:{name}"),
            Source::Upstream(name) => format!("upstream:{name}"),
            Source::File(path) => format!("file:{}", path.display()),
            Source::Link(target) => format!("link:{target}"),
            Source::Image(name) => format!("image:{name}"),
            Source::Directory => "directory".to_owned(),
        }
    }
}

impl Image {
    /// The images that this one carries.
    pub fn carries(&self) -> impl Iterator<Item = &str> {
        self.files.values().filter_map(|source| match source {
            Source::Image(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The user's number and the group's.
    pub fn owner(&self) -> Result<deis_oci::Owner> {
        let (uid, gid) = self.user.split_once(':').context("user is not uid:gid")?;
        Ok(deis_oci::Owner { uid: uid.parse()?, gid: gid.parse()? })
    }
}

impl Catalog {
    /// Reads and checks a catalog.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Parses and checks a catalog.
    pub fn parse(text: &str) -> Result<Self> {
        let catalog: Self = toml::from_str(text)?;
        for (name, image) in &catalog.images {
            catalog.check(image).with_context(|| format!("image {name}"))?;
        }
        Ok(catalog)
    }

    fn check(&self, image: &Image) -> Result<()> {
        ensure!(image.owner().context("user")?.uid != 0, "user: an image of ours never runs as root");
        for root in image.root.iter().flat_map(|root| [root.as_str(), BASE]) {
            ensure!(self.roots.contains_key(root), "there is no root {root}");
        }
        for path in image.files.keys() {
            ensure!(path.starts_with('/'), "files: {path} is not absolute");
        }
        for carried in image.carries() {
            let carried = self.images.get(carried).with_context(|| format!("there is no image {carried} to carry"))?;
            ensure!(carried.carries().next().is_none(), "carries an image that carries another");
        }
        Ok(())
    }

    /// The images in `only`, or all when it is empty, and those that they carry, which come first.
    pub fn select(&self, only: &[String]) -> Result<Vec<(&str, &Image)>> {
        if let Some(unknown) = only.iter().find(|name| !self.images.contains_key(*name)) {
            let known: Vec<&str> = self.images.keys().map(String::as_str).collect();
            bail!("there is no image {unknown}; there are {}", known.join(", "));
        }
        let asked = |name: &str| only.is_empty() || only.iter().any(|other| other == name);
        let needed = |name: &str| {
            let carried = |(by, image): (&String, &Image)| asked(by) && image.carries().any(|other| other == name);
            asked(name) || self.images.iter().any(carried)
        };
        let all = self.images.iter().map(|(name, image)| (name.as_str(), image)).filter(|(name, _)| needed(name));
        let (carriers, plain): (Vec<_>, Vec<_>) = all.partition(|(_, image)| image.carries().next().is_some());
        Ok(plain.into_iter().chain(carriers).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_in_the_tree_is_right() {
        let catalog = Catalog::parse(include_str!("../images.toml")).unwrap();
        let names: Vec<_> = catalog.select(&[]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.last(), Some(&"builder"), "after the image that it carries");
        for image in catalog.images.values() {
            assert!(image.files.keys().any(|path| *path == image.entrypoint[0]), "{:?}", image.entrypoint);
        }
    }

    #[test]
    fn selection_takes_along_what_is_carried() {
        let catalog = Catalog::parse(include_str!("../images.toml")).unwrap();
        let names: Vec<_> = catalog.select(&["builder".into()]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["stack-run", "builder"]);
        assert!(catalog.select(&["bulider".into()]).unwrap_err().to_string().contains("builder"));
    }

    #[test]
    fn mistakes_are_named() {
        let image = |fields: &str| format!("suite = \"s\"\n[images.a]\nuser = \"1:1\"\nentrypoint = []\n{fields}");
        for (text, expected) in [
            (image("files = {\"/a\" = \"nowhere:x\"}"), "nowhere:x"),
            (image("files = {\"a\" = \"bin:a\"}"), "is not absolute"),
            (image("files = {}\nroot = \"lost\""), "there is no root lost"),
            (image("files = {\"/a\" = \"image:b\"}"), "there is no image b"),
            (image("files = {}").replace("1:1", "0:0"), "never runs as root"),
            (image("files = {}\nfile = {}"), "unknown field"),
        ] {
            let error = format!("{:#}", Catalog::parse(&text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
