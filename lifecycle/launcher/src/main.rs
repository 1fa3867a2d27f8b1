//! Process 1 of every app image: sets up the environment that the buildpacks left behind and becomes the app.
//!
//! ```text
//! launcher                     the default process
//! launcher TYPE [ARG…]         a process of the app; arguments take the place of its own
//! launcher -- COMMAND [ARG…]   any command, in the same environment
//! ```
//!
//! It never has a child: the app takes its place by `exec`, so that signals reach the app and the exit status is the
//! app's. The standard library alone is linked, since every app carries this program.
//!
//! What it reads is written by `deis-build`, in a form that needs no parser:
//!
//! - `{layers}/config/processes/{type}`: strings that each end with a zero byte: working directory (empty: the app's
//!   folder), command, arguments;
//! - `{layers}/config/default`: the type that starts when none is named;
//! - `{layers}/config/buildpacks`: folders of the buildpacks below `{layers}`, in order, one a line;
//! - `{layers}/{buildpack}/{layer}/`: what the Buildpack API 0.10 says about launch layers.
//!
//! `{layers}` is `CNB_LAYERS_DIR` or `/layers`, the app's folder `CNB_APP_DIR` or `/workspace`.

mod env;
mod error;
mod exec;
mod layers;
mod process;
mod profile;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::env::Env;
use crate::error::Error;
use crate::process::Process;

fn main() -> ExitCode {
    let error = match launch(std::env::args_os().skip(1).collect()) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    #[expect(clippy::print_stderr, reason = "the app's log is the only place to tell why it did not start")]
    {
        eprintln!("launcher: {error}");
    }
    ExitCode::from(error.exit_code())
}

/// Becomes the process that the arguments name; returns only when it cannot.
fn launch(arguments: Vec<OsString>) -> Result<std::convert::Infallible, Error> {
    let mut env = Env::of_this_process();
    let layers = env.folder("CNB_LAYERS_DIR", "/layers");
    let app = env.folder("CNB_APP_DIR", "/workspace");

    let process = Process::choose(&layers, arguments)?;
    let mut profiles: Vec<PathBuf> = Vec::new();
    for layer in layers::launch_layers(&layers)? {
        layers::apply(&layer, process.process_type.as_deref(), &mut env)?;
        profiles.extend(profile::of_layer(&layer, process.process_type.as_deref())?);
    }
    profiles.extend(profile::of_app(&app)?);
    Err(exec::become_process(profile::wrap(process.command, &profiles), &app.join(process.directory), &env))
}
