//! What the buildpacks of languages share.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use libcnb::build::{BuildContext, BuildResult, BuildResultBuilder};
use libcnb::detect::{DetectResult, DetectResultBuilder};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb::layer::{
    CachedLayerDefinition, InvalidMetadataAction, LayerRef, LayerState, RestoredLayerAction, UncachedLayerDefinition,
};
use libcnb::layer_env::{LayerEnv, ModificationBehavior, Scope};
use libcnb::{Buildpack, Platform};
use libcnb_data::launch::{LaunchBuilder, ProcessBuilder};
use libcnb_data::layer::LayerName;
use libcnb_data::{layer_name, process_type};
use serde::{Deserialize, Serialize};

use crate::{complain, exec, step};

/// What to tell the person who pushed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LanguageError {
    /// The source asks for what cannot be: what it is and what to do.
    #[error("{0}")]
    Refused(String),
    #[error("There is no {0} in the build image: {1}.")]
    NoProgram(&'static str, #[source] io::Error),
    #[error("{0} ended with {1}.")]
    Failed(String, ExitStatus),
    #[error("Cannot {0}: {1}.")]
    Io(&'static str, #[source] io::Error),
}

impl From<LanguageError> for libcnb::Error<LanguageError> {
    fn from(error: LanguageError) -> Self {
        Self::BuildpackError(error)
    }
}

impl LanguageError {
    pub(crate) fn io(task: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io(task, error)
    }

    pub(crate) fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }
}

/// For `Buildpack::on_error`.
pub(crate) fn explain(error: libcnb::Error<LanguageError>) {
    match error {
        libcnb::Error::BuildpackError(error) => complain(&error.to_string()),
        other => complain(&other.to_string()),
    }
}

/// Whether the app has one of these files.
pub(crate) fn has_any(app: &Path, files: &[&str]) -> bool {
    files.iter().any(|file| app.join(file).is_file())
}

/// The text of a file of the app; none when there is none.
pub(crate) fn read(app: &Path, file: &str) -> Result<Option<String>, LanguageError> {
    match fs::read_to_string(app.join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LanguageError::Refused(format!("{file} cannot be read: {error}."))),
    }
}

/// For `Buildpack::detect`.
pub(crate) fn detected(fits: bool) -> libcnb::Result<DetectResult, LanguageError> {
    if fits { DetectResultBuilder::pass().build() } else { DetectResultBuilder::fail().build() }
}

/// A program of the stack, at work on the app.
pub(crate) struct Tool<'a> {
    pub(crate) program: &'static str,
    pub(crate) folder: &'a Path,
    /// Beside the app's configuration, which the lifecycle gave us.
    pub(crate) env: Vec<(&'static str, OsString)>,
}

impl Tool<'_> {
    /// Runs it before the eyes of the person who pushed.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<(), LanguageError> {
        let words = arguments.iter().map(|argument| argument.as_ref().to_string_lossy());
        let command = std::iter::once(self.program.into()).chain(words).collect::<Vec<_>>().join(" ");
        step(&format!("Running: {command}"));
        let status = exec::run(self.program, arguments, self.folder, &self.env());
        let status = status.map_err(|error| LanguageError::NoProgram(self.program, error))?;
        if status.success() { Ok(()) } else { Err(LanguageError::Failed(command, status)) }
    }

    /// What it answers to a question; none when it says no.
    pub(crate) fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Option<String>, LanguageError> {
        let output = exec::output(self.program, arguments, self.folder, &self.env());
        let output = output.map_err(|error| LanguageError::NoProgram(self.program, error))?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(output.status.success().then_some(text))
    }

    fn env(&self) -> Vec<(&str, &OsStr)> {
        self.env.iter().map(|(name, value)| (*name, value.as_os_str())).collect()
    }
}

/// What a layer that is kept between builds was made of.
#[derive(Serialize, Deserialize)]
struct MadeOf {
    made_of: String,
}

/// A layer that the next build of the app gets back.
pub(crate) struct Kept<'a> {
    pub(crate) name: LayerName,
    /// With another text than the last build's, or an empty one, the layer begins empty.
    pub(crate) made_of: &'a str,
    /// Whether it is in the image, too.
    pub(crate) launch: bool,
    /// For people: "the npm cache".
    pub(crate) what: &'a str,
}

impl Kept<'_> {
    /// Its folder, and whether the last build's content is in it.
    pub(crate) fn layer<B>(&self, context: &BuildContext<B>) -> libcnb::Result<(PathBuf, bool), B::Error>
    where
        B: Buildpack<Error = LanguageError>,
    {
        let definition = CachedLayerDefinition {
            build: false,
            launch: self.launch,
            invalid_metadata_action: &|_: &GenericMetadata| InvalidMetadataAction::<MadeOf>::DeleteLayer,
            restored_layer_action: &|last: &MadeOf, _: &Path| {
                if last.made_of == self.made_of && !self.made_of.is_empty() {
                    RestoredLayerAction::KeepLayer
                } else {
                    RestoredLayerAction::DeleteLayer
                }
            },
        };
        let layer = context.cached_layer(&self.name, definition)?;
        let restored = matches!(layer.state, LayerState::Restored { .. });
        if restored {
            step(&format!("Reusing {} of the last build", self.what));
        } else {
            layer.write_metadata(MadeOf { made_of: self.made_of.to_owned() })?;
        }
        Ok((layer.path(), restored))
    }
}

/// A layer of settings and small programs for the running app.
pub(crate) fn settings<B>(
    context: &BuildContext<B>,
    defaults: &[(&str, &str)],
    path: Option<&Path>,
) -> libcnb::Result<LayerRef<B, (), ()>, B::Error>
where
    B: Buildpack<Error = LanguageError>,
{
    let layer =
        context.uncached_layer(layer_name!("settings"), UncachedLayerDefinition { build: false, launch: true })?;
    let mut env = LayerEnv::new();
    for (name, value) in defaults {
        env.insert(Scope::Launch, ModificationBehavior::Default, name, value);
    }
    if let Some(path) = path {
        env.insert(Scope::Launch, ModificationBehavior::Prepend, "PATH", path);
        env.insert(Scope::Launch, ModificationBehavior::Delimiter, "PATH", ":");
    }
    layer.write_env(env)?;
    Ok(layer)
}

/// The end of a build; `web` is the command line of the web process when no Procfile says otherwise.
pub(crate) fn finish(web: Option<&str>, slices: &[&str]) -> libcnb::Result<BuildResult, LanguageError> {
    let mut launch = LaunchBuilder::new();
    if let Some(command) = web {
        launch.process(ProcessBuilder::new(process_type!("web"), ["bash", "-c", command]).default(true).build());
    }
    for path in slices {
        launch.slice(libcnb_data::launch::Slice { path_globs: vec![(*path).to_owned()] });
    }
    BuildResultBuilder::new().launch(launch.build()).build()
}

/// A config variable of the app, as `deis config:set` made it.
pub(crate) fn variable<B>(context: &BuildContext<B>, name: &str) -> Option<String>
where
    B: Buildpack<Platform = GenericPlatform>,
{
    context.platform.env().get_string_lossy(name).filter(|value| !value.is_empty())
}
