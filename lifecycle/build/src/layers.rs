//! What a buildpack leaves in its layers folder (Buildpack specification, "Layers").

use std::fs;
use std::path::{Path, PathBuf};

use libcnb::Env;
use libcnb::layer_env::{LayerEnv, Scope};
use libcnb_data::launch::Launch;
use libcnb_data::layer_content_metadata::{LayerContentMetadata, LayerTypes};
use serde::Deserialize;

use crate::Failure;
use crate::buildpack::Buildpack;

/// The file that a buildpack finds again as long as the cache is there.
pub(crate) const STORE: &str = "store";

/// Files of the folder that are not the description of a layer.
const OTHER_FILES: [&str; 3] = ["launch", "build", STORE];

/// A layer and what it is for.
#[derive(Debug, PartialEq)]
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) types: LayerTypes,
    /// What the buildpack wants to know about the layer when it finds it again.
    pub(crate) metadata: toml::Table,
}

/// All that one buildpack has made.
#[derive(Debug)]
pub(crate) struct Made {
    /// By name.
    pub(crate) layers: Vec<Layer>,
    pub(crate) launch: Launch,
    /// Entries of the plan that it leaves to those after it.
    pub(crate) unmet: Vec<String>,
}

#[derive(Default, Deserialize)]
struct BuildToml {
    #[serde(default)]
    unmet: Vec<Unmet>,
}

#[derive(Deserialize)]
struct Unmet {
    name: String,
}

/// Reads the layers folder of a buildpack that has built.
pub(crate) fn read(buildpack: &Buildpack, folder: &Path) -> Result<Made, Failure> {
    let problem = |file: &str, problem: String| Failure::buildpack(&buildpack.name, format!("wrote {file}: {problem}"));
    let mut layers = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::io("read the layers"))? {
        let path = entry.map_err(Failure::io("read the layers"))?.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        if path.extension().is_none_or(|extension| extension != "toml") || OTHER_FILES.contains(&name.as_str()) {
            continue;
        }
        let metadata: LayerContentMetadata<Option<toml::Table>> =
            parse(&path)?.map_err(|error| problem(&format!("{name}.toml"), error.to_string()))?;
        let folder = path.with_extension("");
        let types = metadata.types.unwrap_or_default();
        if folder.join("exec.d").exists() && types.launch {
            return Err(problem(&name, "programs in exec.d are not run on this platform".to_owned()));
        }
        if folder.is_dir() {
            layers.push(Layer { name, folder, types, metadata: metadata.metadata.unwrap_or_default() });
        } else if types.launch {
            return Err(problem(
                &format!("{name}.toml"),
                "there is no such layer, and only those with cache = true are kept between builds".to_owned(),
            ));
        }
    }
    layers.sort_by(|one, other| one.name.cmp(&other.name));

    let optional = |file: &str| folder.join(file);
    let launch =
        parse_optional(&optional("launch.toml"))?.map_err(|error| problem("launch.toml", error.to_string()))?;
    let build: BuildToml =
        parse_optional(&optional("build.toml"))?.map_err(|error| problem("build.toml", error.to_string()))?;
    Ok(Made { layers, launch, unmet: build.unmet.into_iter().map(|unmet| unmet.name).collect() })
}

impl Made {
    /// The environment of the buildpacks that come after.
    pub(crate) fn extend(&self, env: &Env) -> Result<Env, Failure> {
        let mut env = env.clone();
        for layer in self.layers.iter().filter(|layer| layer.types.build) {
            let changes =
                LayerEnv::read_from_layer_dir(&layer.folder).map_err(Failure::io("read a layer's env folder"))?;
            env = changes.apply(Scope::Build, &env);
        }
        Ok(env)
    }
}

type Parsed<T> = Result<Result<T, toml::de::Error>, Failure>;

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Parsed<T> {
    let text = fs::read_to_string(path).map_err(Failure::io(format!("read {}", path.display())))?;
    Ok(toml::from_str(&text))
}

fn parse_optional<T: for<'a> Deserialize<'a> + Default>(path: &Path) -> Parsed<T> {
    if path.exists() { parse(path) } else { Ok(Ok(T::default())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_files(files: &[(&str, &str)]) -> Result<(tempfile::TempDir, Made), Failure> {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let (id, version, name) = ("acme/tool".to_owned(), "1.0.0".to_owned(), "Tool".to_owned());
        let buildpack = Buildpack { id, version, name, clear_env: false, folder: PathBuf::new() };
        let made = read(&buildpack, folder.path())?;
        Ok((folder, made))
    }

    #[test]
    fn types_unmet_entries_and_processes() {
        let (folder, made) = read_files(&[
            ("b.toml", "[types]\nlaunch = true\n[metadata]\nversion = 1"),
            ("b/bin/tool", ""),
            ("a.toml", "[types]\nbuild = true\ncache = true"),
            ("a/env.build/A.append", "2"),
            ("a/env.build/A.delim", ","),
            ("c.toml", ""),
            ("c/x", ""),
            ("not-described/x", ""),
            ("launch.toml", "[[processes]]\ntype = \"web\"\ncommand = [\"tool\"]\ndefault = true"),
            ("build.toml", "[[unmet]]\nname = \"node\""),
            ("store.toml", "[metadata]\nx = 1"),
        ])
        .unwrap();
        let types = made.layers.iter().map(|layer| (layer.name.as_str(), layer.types)).collect::<Vec<_>>();
        let none = LayerTypes::default();
        let expected = [
            ("a", LayerTypes { build: true, cache: true, ..none }),
            ("b", LayerTypes { launch: true, ..none }),
            ("c", none),
        ];
        assert_eq!(types, expected);
        assert_eq!((made.unmet.as_slice(), made.launch.processes.len()), (&["node".to_owned()][..], 1));

        let mut env = Env::new();
        env.insert("A", "1");
        assert_eq!(made.extend(&env).unwrap().get("A").unwrap(), "1,2");
        drop(folder);
    }

    #[test]
    fn what_we_cannot_do_is_refused_in_words() {
        for (files, text) in [
            (&[("a.toml", "[types]\nlaunch = true")][..], "no such layer"),
            (&[("a.toml", "[types]\nlaunch = true"), ("a/exec.d/x", "")], "exec.d"),
            (&[("a.toml", "launch = true")], "a.toml"),
            (&[("launch.toml", "[[processes]]\ntype = \"web\"\ncommand = \"tool\"")], "launch.toml"),
        ] {
            let failure = read_files(files).unwrap_err().to_string();
            assert!(failure.contains(text), "{failure}");
        }
    }
}
