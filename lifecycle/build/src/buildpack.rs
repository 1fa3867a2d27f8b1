//! The buildpacks of the build image.

use std::fs;
use std::path::{Path, PathBuf};

use libcnb_data::buildpack::{BuildpackDescriptor, BuildpackTarget, Order};

use crate::Failure;

/// The only Buildpack API that is spoken.
const API: (u64, u64) = (0, 10);

/// A buildpack that can run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Buildpack {
    /// "deis/go".
    pub(crate) id: String,
    /// "0.1.0".
    pub(crate) version: String,
    /// For people: "Go".
    pub(crate) name: String,
    /// Whether the app's configuration is kept out of its environment.
    pub(crate) clear_env: bool,
    pub(crate) folder: PathBuf,
}

impl Buildpack {
    /// The name of its folder among the layers: an id may hold slashes.
    pub(crate) fn escaped_id(&self) -> String {
        self.id.replace('/', "_")
    }
}

/// What an id and a version stand for.
pub(crate) enum Descriptor {
    Component(Buildpack),
    /// A buildpack made of others.
    Composite(Vec<Order>),
}

/// The folder `{cnb}/buildpacks/{escaped id}/{version}`.
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(cnb: &Path) -> Self {
        Self { folder: cnb.join("buildpacks") }
    }

    pub(crate) fn load(&self, id: &str, version: &str) -> Result<Descriptor, Failure> {
        // `deis/go` is found as `deis/go` and, as other tools write it, as `deis_go`.
        let plain = self.folder.join(id).join(version);
        let folder = if plain.is_dir() { plain } else { self.folder.join(id.replace('/', "_")).join(version) };
        read(folder)
    }
}

/// The buildpack of a folder.
pub(crate) fn read(folder: PathBuf) -> Result<Descriptor, Failure> {
    let path = folder.join("buildpack.toml");
    let broken = |problem: String| Failure::build_image(&path)(problem);
    let text = fs::read_to_string(&path).map_err(|error| broken(error.to_string()))?;
    match toml::from_str(&text).map_err(|error| broken(error.to_string()))? {
        BuildpackDescriptor::<Option<toml::Table>>::Composite(composite) => Ok(Descriptor::Composite(composite.order)),
        BuildpackDescriptor::<Option<toml::Table>>::Component(component) => {
            if (component.api.major, component.api.minor) != API {
                return Err(broken(format!("Buildpack API {} is not spoken, only {}.{}", component.api, API.0, API.1)));
            }
            if !component.targets.is_empty() && !component.targets.iter().any(is_here) {
                return Err(broken("it is for other machines".to_owned()));
            }
            let buildpack = component.buildpack;
            let id = buildpack.id.to_string();
            Ok(Descriptor::Component(Buildpack {
                name: buildpack.name.unwrap_or_else(|| id.clone()),
                version: buildpack.version.to_string(),
                clear_env: buildpack.clear_env,
                folder,
                id,
            }))
        }
    }
}

/// The architecture of this machine as the specification (and Go) calls it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn is_here(target: &BuildpackTarget) -> bool {
    let fits = |wanted: &Option<String>, here: &str| wanted.as_deref().is_none_or(|wanted| wanted == here);
    fits(&target.os, "linux") && fits(&target.arch, architecture())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Descriptor, Failure> {
        let cnb = tempfile::tempdir().unwrap();
        let folder = cnb.path().join("buildpacks/acme_tool/1.2.3");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("buildpack.toml"), text).unwrap();
        Store::new(cnb.path()).load("acme/tool", "1.2.3")
    }

    const BUILDPACK: &str = "[buildpack]\nid = \"acme/tool\"\nversion = \"1.2.3\"\n";

    #[test]
    fn a_descriptor_with_defaults() {
        let Ok(Descriptor::Component(buildpack)) = load(&format!("api = \"0.10\"\n{BUILDPACK}")) else { panic!() };
        assert_eq!((buildpack.name.as_str(), buildpack.version.as_str()), ("acme/tool", "1.2.3"));
        assert_eq!(buildpack.escaped_id(), "acme_tool");
        assert!(!buildpack.clear_env);
    }

    #[test]
    fn other_apis_and_other_machines_are_refused() {
        let targets = "[[targets]]\nos = \"windows\"\n";
        for text in
            [format!("api = \"0.9\"\n{BUILDPACK}"), format!("api = \"0.10\"\n{BUILDPACK}{targets}"), String::new()]
        {
            assert!(load(&text).is_err(), "{text}");
        }
        assert!(load(&format!("api = \"0.10\"\n{BUILDPACK}[[targets]]\nos = \"linux\"\n")).is_ok());
    }
}
