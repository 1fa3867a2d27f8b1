//! Files as they are: `public/`, or a folder with an `index.html`.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use libcnb::Buildpack;
use libcnb::build::{BuildContext, BuildResult, BuildResultBuilder};
use libcnb::detect::{DetectContext, DetectResult, DetectResultBuilder};
use libcnb::generic::{GenericMetadata, GenericPlatform};
use libcnb::layer::UncachedLayerDefinition;
use libcnb_data::launch::{LaunchBuilder, ProcessBuilder};
use libcnb_data::{layer_name, process_type};

use crate::{complain, step};

/// The name under which this program is the web server.
pub(crate) const SERVER: &str = "static-server";

pub(crate) struct StaticBuildpack;

/// What to tell the person who pushed.
#[derive(Debug, thiserror::Error)]
#[error("The web server cannot be put into the image: {0}.")]
pub(crate) struct StaticError(#[from] io::Error);

impl Buildpack for StaticBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = StaticError;

    fn detect(&self, context: DetectContext<Self>) -> libcnb::Result<DetectResult, StaticError> {
        match root(&context.app_dir) {
            Some(_) => DetectResultBuilder::pass().build(),
            None => DetectResultBuilder::fail().build(),
        }
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, StaticError> {
        let root = root(&context.app_dir).unwrap_or(".");
        step(&format!("Serving the files of {}", if root == "." { "the repository" } else { root }));
        let layer =
            context.uncached_layer(layer_name!("server"), UncachedLayerDefinition { build: false, launch: true })?;
        install_server(&layer.path().join("bin")).map_err(libcnb::Error::BuildpackError)?;
        let web = ProcessBuilder::new(process_type!("web"), [SERVER]).arg(root).default(true).build();
        BuildResultBuilder::new().launch(LaunchBuilder::new().process(web).build()).build()
    }

    fn on_error(&self, error: libcnb::Error<StaticError>) {
        match error {
            libcnb::Error::BuildpackError(error) => complain(&error.to_string()),
            other => complain(&other.to_string()),
        }
    }
}

/// The folder to serve, relative to the app's; none when this is not an app of files.
fn root(app: &Path) -> Option<&'static str> {
    if app.join("public").is_dir() {
        Some("public")
    } else if app.join("index.html").is_file() {
        Some(".")
    } else {
        None
    }
}

fn install_server(bin: &Path) -> Result<(), StaticError> {
    let server = bin.join(SERVER);
    fs::create_dir_all(bin)?;
    fs::copy(std::env::current_exe()?, &server)?;
    fs::set_permissions(server, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
