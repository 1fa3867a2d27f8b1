//! Runs in a build pod: takes source from the builder, turns it into image layers with Cloud Native Buildpacks
//! (Buildpack API 0.10) and sends them back. It has no credentials but a token for this one build.
//!
//! One build, in the order of reading:
//!
//! - [`run`] connects to the builder and holds the conversation (`session`);
//! - `pipeline` unpacks the source (`source`) without what `slugignore` names and then goes through the phases:
//!   - `detect`: the first group of `order` whose buildpacks agree (`plan`), or the one buildpack of BUILDPACK_URL (`custom`);
//!   - `cache`: layers of an earlier build come back, and leave again at the end;
//!   - `phase`: each buildpack builds into its own folder (`layers`), with the environment of those before it;
//!   - `launch`: which processes the app has, from the buildpacks and the `procfile`;
//!   - `export`: folders become layers, byte for byte the same for the same content.
//!
//! What is not done: of an earlier image nothing is reused but what the registry has, and `exec.d` programs are refused.

mod buildpack;
mod cache;
mod config;
mod custom;
mod detect;
mod error;
mod exec;
mod export;
mod glob;
mod launch;
mod layers;
mod order;
mod phase;
mod pipeline;
mod plan;
mod platform;
mod procfile;
mod report;
mod session;
mod slugignore;
mod source;
mod upload;

pub use config::{Config, Folders};
pub use error::Failure;

/// Builds once, and returns when the builder has accepted the result.
///
/// # Errors
/// The failure that the builder was told, or why it could not be told.
pub fn run(config: Config) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::io("start the runtime"))?;
    let outcome = runtime.block_on(session::hold(&config));
    // A buildpack that still runs must not keep the pod.
    runtime.shutdown_background();
    outcome
}
