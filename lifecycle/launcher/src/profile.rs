//! Scripts that may change the environment at the last moment: the layers' `profile.d`, the app's `.profile.d` and
//! `.profile`. They belong to the user, and run in the user's own container.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layers::sorted;

/// Sources as many files as `$1` says and becomes the rest, which is put aside first: `set --` in a script would spoil it.
const SOURCE_AND_BECOME: &str =
    r#"_command=("${@:$1+2}"); for _script in "${@:2:$1}"; do source "$_script"; done; exec "${_command[@]}""#;

/// The scripts of a layer: those for every process, then those for this type.
pub(crate) fn of_layer(layer: &Path, process_type: Option<&str>) -> Result<Vec<PathBuf>, Error> {
    let folder = layer.join("profile.d");
    let mut scripts = sorted(&folder, Path::is_file)?;
    if let Some(process_type) = process_type {
        scripts.extend(sorted(&folder.join(process_type), Path::is_file)?);
    }
    Ok(scripts)
}

/// The scripts of the app.
pub(crate) fn of_app(app: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_script = |path: &Path| path.is_file() && path.extension().is_some_and(|extension| extension == "sh");
    let mut scripts = sorted(&app.join(".profile.d"), is_script)?;
    scripts.extend(Some(app.join(".profile")).filter(|path| path.is_file()));
    Ok(scripts)
}

/// The command, after the scripts when there are any.
pub(crate) fn wrap(command: Vec<OsString>, scripts: &[PathBuf]) -> Vec<OsString> {
    if scripts.is_empty() {
        return command;
    }
    let count = scripts.len().to_string();
    let shell = ["bash", "-c", SOURCE_AND_BECOME, "launcher", &count].map(OsString::from);
    shell.into_iter().chain(scripts.iter().map(OsString::from)).chain(command).collect()
}
