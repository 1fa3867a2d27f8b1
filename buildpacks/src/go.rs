//! Go modules: every command of the module is built, and the app's `bin` folder is on its `PATH`.

mod cache;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use libcnb::build::{BuildContext, BuildResult, BuildResultBuilder};
use libcnb::detect::{DetectContext, DetectResult, DetectResultBuilder};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb::layer::{
    CachedLayerDefinition, InvalidMetadataAction, LayerState, RestoredLayerAction, UncachedLayerDefinition,
};
use libcnb::{Buildpack, Platform};
use libcnb_data::launch::{LaunchBuilder, ProcessBuilder};
use libcnb_data::{layer_name, process_type};

use crate::{complain, exec, step};

pub(crate) struct GoBuildpack;

/// What to tell the person who pushed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GoError {
    #[error("There is no go.mod. Make one with \"go mod init\", commit it and push again.")]
    NoModule,
    #[error("There is no Go toolchain in the build image: {0}.")]
    NoToolchain(#[source] io::Error),
    #[error("go build ended with {0}.")]
    Build(ExitStatus),
    #[error("The build produced no command: is there a package main?")]
    NoCommand,
    #[error("Cannot {0}: {1}.")]
    Io(&'static str, #[source] io::Error),
}

impl From<GoError> for libcnb::Error<GoError> {
    fn from(error: GoError) -> Self {
        Self::BuildpackError(error)
    }
}

impl Buildpack for GoBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = GoError;

    /// A module, or Go files without one: then the build says what is missing.
    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, GoError> {
        let entries = fs::read_dir(&context.app_dir).map_err(|error| GoError::Io("read the source", error))?;
        let is_go = |path: &Path| path.is_file() && path.extension().is_some_and(|extension| extension == "go");
        let found = entries.flatten().any(|entry| entry.file_name() == "go.mod" || is_go(&entry.path()));
        if found { DetectResultBuilder::pass().build() } else { DetectResultBuilder::fail().build() }
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, GoError> {
        let Ok(module) = fs::read_to_string(context.app_dir.join("go.mod")) else {
            return Err(GoError::NoModule.into());
        };
        let keep = CachedLayerDefinition {
            build: false,
            launch: false,
            invalid_metadata_action: &|_| InvalidMetadataAction::<GenericMetadata>::DeleteLayer,
            restored_layer_action: &|_: &GenericMetadata, _| RestoredLayerAction::KeepLayer,
        };
        let cache = context.cached_layer(layer_name!("cache"), &keep)?;
        if matches!(cache.state, LayerState::Restored { .. }) {
            step("Reusing the build cache of the last build");
        }
        let cache = cache.path();
        let modules = context.cached_layer(layer_name!("modules"), &keep)?.path();
        let commands =
            context.uncached_layer(layer_name!("commands"), UncachedLayerDefinition { build: false, launch: true })?;
        cache::seed(&cache).map_err(|error| GoError::Io("link the prepared build cache", error))?;

        let go = Go { app: &context.app_dir, cache: &cache, modules: &modules };
        step(&format!("Using {}", go.version()?));
        let packages = context.platform.env().get_string_lossy("GO_INSTALL_PACKAGE_SPEC");
        let packages = packages.as_deref().unwrap_or("./...").split_whitespace().collect::<Vec<_>>();
        let bin = commands.path().join("bin");
        go.build(&bin, &packages)?;
        cache::unlink(&cache).map_err(|error| GoError::Io("take the prepared build cache out again", error))?;

        let mut launch = LaunchBuilder::new();
        if let Some(web) = web_command(&built(&bin)?, &module) {
            launch.process(ProcessBuilder::new(process_type!("web"), [web]).default(true).build());
        }
        BuildResultBuilder::new().launch(launch.build()).build()
    }

    fn on_error(&self, error: libcnb::Error<GoError>) {
        match error {
            libcnb::Error::BuildpackError(error) => complain(&error.to_string()),
            other => complain(&other.to_string()),
        }
    }
}

/// The toolchain, at work on one module.
struct Go<'a> {
    app: &'a Path,
    cache: &'a Path,
    modules: &'a Path,
}

impl Go<'_> {
    /// "go1.23.4".
    fn version(&self) -> Result<String, GoError> {
        let output = exec::output("go", &["env", "GOVERSION"], self.app, &self.env()).map_err(GoError::NoToolchain)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Vendored dependencies are used when there are any; else they come from the proxy that `GOPROXY` names.
    fn build(&self, bin: &Path, packages: &[&str]) -> Result<(), GoError> {
        fs::create_dir_all(bin).map_err(|error| GoError::Io("make the folder of commands", error))?;
        let dependencies = if self.app.join("vendor").is_dir() { "-mod=vendor" } else { "-mod=mod" };
        step(&format!("Running: go build {dependencies} {}", packages.join(" ")));
        // The slash makes it a folder for the commands, also when there is only one.
        let output = format!("{}/", bin.display());
        // Without symbols the image is a third smaller; panics keep their line numbers.
        // Folders of the module cache that nobody may write into could not be filled again by the next build.
        let mut arguments = vec!["build", dependencies, "-modcacherw", "-ldflags=-s -w", "-o", &output, "--"];
        arguments.extend(packages);
        let status = exec::run("go", &arguments, self.app, &self.env()).map_err(GoError::NoToolchain)?;
        if status.success() { Ok(()) } else { Err(GoError::Build(status)) }
    }

    fn env(&self) -> [(&'static str, &OsStr); 3] {
        // The toolchain must not replace itself by one from the network.
        [
            ("GOCACHE", self.cache.as_os_str()),
            ("GOPATH", self.modules.as_os_str()),
            ("GOTOOLCHAIN", OsStr::new("local")),
        ]
    }
}

/// The names of the commands that were built.
fn built(bin: &Path) -> Result<Vec<String>, GoError> {
    let entries = fs::read_dir(bin).map_err(|error| GoError::Io("read the folder of commands", error))?;
    let mut names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>();
    names.sort();
    if names.is_empty() { Err(GoError::NoCommand) } else { Ok(names) }
}

/// The command that is the web process when no Procfile says otherwise: the only one, or the one named as the module.
fn web_command(commands: &[String], module: &str) -> Option<String> {
    match commands {
        [only] => Some(only.clone()),
        several => {
            let path = module.lines().find_map(|line| line.trim().strip_prefix("module "))?;
            let name = PathBuf::from(path.trim().trim_matches('"')).file_name()?.to_str()?.to_owned();
            several.contains(&name).then_some(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_command_is_the_only_one_or_the_modules_own() {
        let commands = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (names, module, expected) in [
            (&["tool"][..], "module example.com/web", Some("tool")),
            (&["admin", "web"], "// comment\nmodule example.com/web\n\ngo 1.23", Some("web")),
            (&["admin", "web"], "module \"web\"", Some("web")),
            (&["admin", "worker"], "module example.com/web", None),
            (&["admin", "worker"], "", None),
        ] {
            assert_eq!(web_command(&commands(names), module).as_deref(), expected, "{names:?} {module}");
        }
    }
}
