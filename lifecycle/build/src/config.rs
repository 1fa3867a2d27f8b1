use std::path::PathBuf;

use secrecy::SecretString;

/// Where the builder is, and where things are in the build image. The environment is set by the builder.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "deis-build", about = "Builds an app's image in a build pod", version)]
pub struct Config {
    /// The builder's listener for build pods: "10.2.0.7:50052".
    #[arg(long, env = "DEIS_BUILDER_ADDRESS")]
    pub builder_address: String,

    /// The name in the certificate of that listener.
    #[arg(long, env = "DEIS_BUILDER_NAME", default_value = "deis-builder")]
    pub builder_name: String,

    /// Certificate of the authority that signed it, as PEM.
    #[arg(long, env = "DEIS_CA", hide_env_values = true)]
    pub ca: String,

    /// Good for this one build.
    #[arg(long, env = "DEIS_BUILD_TOKEN", hide_env_values = true)]
    pub token: SecretString,

    #[command(flatten)]
    pub folders: Folders,
}

/// The folders of a build, as the Platform specification lays them out.
#[derive(Clone, Debug, clap::Args)]
pub struct Folders {
    /// Buildpacks (`buildpacks/{id}/{version}`) and `order.toml`.
    #[arg(long, env = "CNB_DIR", default_value = "/cnb")]
    pub cnb: PathBuf,

    /// The app's source; empty at the start.
    #[arg(long, env = "CNB_APP_DIR", default_value = "/workspace")]
    pub app: PathBuf,

    /// Where buildpacks put their layers.
    #[arg(long, env = "CNB_LAYERS_DIR", default_value = "/layers")]
    pub layers: PathBuf,

    /// For plans, the app's configuration and the home folder of buildpacks.
    #[arg(long, env = "TMPDIR", default_value = "/tmp")]
    pub scratch: PathBuf,
}
