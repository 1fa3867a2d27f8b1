//! What buildpacks are told about platform, machine and app.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use deis_api::ConfigKey;
use libcnb::Env;

use crate::buildpack::{Buildpack, architecture};
use crate::{Failure, Folders};

/// Lists of folders: what the app's configuration says comes first, and what layers say stays.
const PATHS: [&str; 5] = ["PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH"];

/// The platform folder, and the variables that stand in it.
pub(crate) struct Platform {
    pub(crate) folder: PathBuf,
    variables: BTreeMap<String, String>,
    base: Env,
}

impl Platform {
    /// Writes the app's configuration to `{scratch}/platform/env`, one file a variable.
    pub(crate) fn prepare(folders: &Folders, variables: BTreeMap<String, String>) -> Result<Self, Failure> {
        let folder = folders.scratch.join("platform");
        let env = folder.join("env");
        let home = folders.scratch.join("home");
        for folder in [&env, &home, &folders.layers] {
            fs::create_dir_all(folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        }
        for (name, value) in &variables {
            // A name is a file's name here; the ledger has no others, and neither do we.
            if name.parse::<ConfigKey>().is_ok() {
                write_private(&env.join(name), value).map_err(Failure::io("write the app's configuration"))?;
            }
        }
        Ok(Self { folder, variables, base: base(&home) })
    }

    /// The environment that buildpacks start with: nothing of this process's own but the search path.
    pub(crate) fn base(&self) -> Env {
        self.base.clone()
    }

    /// What a buildpack's program gets: `env`, the app's configuration unless it wants none, and where things are.
    pub(crate) fn env_of(&self, buildpack: &Buildpack, env: &Env) -> Env {
        let mut env = env.clone();
        if !buildpack.clear_env {
            for (name, value) in &self.variables {
                let value = match env.get(name).filter(|_| PATHS.contains(&name.as_str())) {
                    Some(existing) => {
                        [OsString::from(value), OsString::from(":"), existing.clone()].into_iter().collect()
                    }
                    None => OsString::from(value),
                };
                env.insert(name, value);
            }
        }
        env.insert("CNB_BUILDPACK_DIR", &buildpack.folder);
        env.insert("CNB_PLATFORM_DIR", &self.folder);
        env
    }
}

fn base(home: &Path) -> Env {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let mut env = Env::new();
    env.insert("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
    env.insert("HOME", home);
    env.insert("LANG", "C.UTF-8");
    env.insert("CNB_TARGET_OS", "linux");
    env.insert("CNB_TARGET_ARCH", architecture());
    env.insert("CNB_TARGET_DISTRO_NAME", os_release(&release, "ID").unwrap_or("linux"));
    env.insert("CNB_TARGET_DISTRO_VERSION", os_release(&release, "VERSION_ID").unwrap_or("0"));
    env
}

/// A field of `/etc/os-release`, without its quotes.
fn os_release<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix('='))?;
    Some(value.trim_matches('"'))
}

fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(content.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(variables: &[(&str, &str)]) -> (tempfile::TempDir, Platform) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let folders = Folders { cnb: at("cnb"), app: at("app"), layers: at("layers"), scratch: at("scratch") };
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let platform = Platform::prepare(&folders, variables).unwrap();
        (folder, platform)
    }

    fn buildpack(clear_env: bool) -> Buildpack {
        let (id, version, name) = ("acme/tool".to_owned(), "1.0.0".to_owned(), "Tool".to_owned());
        Buildpack { id, version, name, clear_env, folder: PathBuf::from("/cnb/buildpacks/acme_tool/1.0.0") }
    }

    #[test]
    fn configuration_wins_but_paths_are_joined() {
        let (_folder, platform) = platform(&[("PATH", "/own"), ("COLOUR", "red"), ("../evil", "x")]);
        let mut env = Env::new();
        env.insert("PATH", "/usr/bin").insert("COLOUR", "blue");
        let seen = platform.env_of(&buildpack(false), &env);
        assert_eq!(seen.get("PATH").unwrap(), "/own:/usr/bin");
        assert_eq!(seen.get("COLOUR").unwrap(), "red");
        let clear = platform.env_of(&buildpack(true), &env);
        assert_eq!(clear.get("COLOUR").unwrap(), "blue");
        assert_eq!(fs::read_to_string(platform.folder.join("env/COLOUR")).unwrap(), "red");
        assert!(!platform.folder.join("evil").exists());
    }

    #[test]
    fn fields_of_os_release() {
        let text = "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!((os_release(text, "ID"), os_release(text, "VERSION_ID")), (Some("debian"), Some("12")));
        assert_eq!(os_release(text, "VARIANT"), None);
    }
}
