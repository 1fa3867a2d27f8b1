//! The layers of an image, and what each says about the environment.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::error::Error;

/// The folders of all layers: buildpacks in their order, the layers of one by name.
pub(crate) fn launch_layers(layers: &Path) -> Result<Vec<PathBuf>, Error> {
    let list = layers.join("config/buildpacks");
    let list = fs::read_to_string(&list).map_err(Error::read(&list))?;
    let mut found = Vec::new();
    for buildpack in list.lines() {
        found.extend(sorted(&layers.join(buildpack), |path| path.is_dir())?);
    }
    Ok(found)
}

/// The paths in a folder for which `keep` says yes, by name; none when there is no such folder.
pub(crate) fn sorted(folder: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Error> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::read(folder))?.path();
        if keep(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Changes the environment as a layer asks: its programs and libraries first, then its env folders, from the general
/// to the special one.
pub(crate) fn apply(layer: &Path, process_type: Option<&str>, env: &mut Env) -> Result<(), Error> {
    for (variable, folder) in [("PATH", "bin"), ("LD_LIBRARY_PATH", "lib")] {
        let folder = layer.join(folder);
        if folder.is_dir() {
            env.prepend_folder(variable, &folder);
        }
    }
    env.apply(&layer.join("env"))?;
    env.apply(&layer.join("env.launch"))?;
    match process_type {
        Some(process_type) => env.apply(&layer.join("env.launch").join(process_type)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_come_in_the_order_of_buildpacks_then_names() {
        let layers = tempfile::tempdir().unwrap();
        for folder in ["config", "z_first/b", "z_first/a", "a_second/c"] {
            fs::create_dir_all(layers.path().join(folder)).unwrap();
        }
        fs::write(layers.path().join("z_first/launch.toml"), "").unwrap();
        fs::write(layers.path().join("config/buildpacks"), "z_first\nno_layers\na_second\n").unwrap();
        let expected = ["z_first/a", "z_first/b", "a_second/c"].map(|layer| layers.path().join(layer));
        assert_eq!(launch_layers(layers.path()).unwrap(), expected);
    }
}
