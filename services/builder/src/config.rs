//! Every setting of the service.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use deis_bootstrap::ProcessConfig;
use http::Uri;
use secrecy::SecretString;

/// The configuration of the builder.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "builder", version, about = "git push: turns source into images and hands them to the controller")]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Address of the SSH server.
    #[arg(long, env = "DEIS_SSH_LISTEN", default_value = "0.0.0.0:2222")]
    pub ssh_listen: SocketAddr,

    /// Address of the listener for build pods.
    #[arg(long, env = "DEIS_BUILD_LISTEN", default_value = "0.0.0.0:50052")]
    pub build_listen: SocketAddr,

    /// Address of the listener for the other services.
    #[arg(long, env = "DEIS_GRPC_LISTEN", default_value = "0.0.0.0:50051")]
    pub grpc_listen: SocketAddr,

    /// Folder with this service's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Folder with the SSH host keys: private keys as PKCS#8 PEM, one a file.
    #[arg(long, env = "DEIS_HOST_KEYS", default_value = "/var/run/secrets/deis/host-keys")]
    pub host_keys: PathBuf,

    /// Folder of the repositories and of what a build leaves for a moment; a persistent volume, which all builders share.
    #[arg(long, env = "DEIS_DATA", default_value = "/var/lib/deis/builder")]
    pub data: PathBuf,

    /// Folder of the sockets at which git's hooks ask; of this machine, and short: a socket's path may have 108 bytes.
    #[arg(long, env = "DEIS_SOCKETS", default_value = "/tmp")]
    pub sockets: PathBuf,

    /// The controller's gRPC address.
    #[arg(long, env = "DEIS_WORKFLOW", default_value = "https://deis-workflow:50051")]
    pub workflow: Uri,

    /// The state service's gRPC address.
    #[arg(long, env = "DEIS_STATE", default_value = "https://deis-state:50051")]
    pub state: Uri,

    /// The registry: "http://deis-registry:5000".
    #[arg(long, env = "DEIS_REGISTRY", default_value = "http://deis-registry:5000")]
    pub registry: Uri,

    /// The registry's user.
    #[arg(long, env = "DEIS_REGISTRY_USERNAME", default_value = "")]
    pub registry_username: String,

    /// The registry user's password.
    #[arg(long, env = "DEIS_REGISTRY_PASSWORD", default_value = "", hide_env_values = true)]
    pub registry_password: SecretString,

    /// Under which name nodes pull what is pushed: the registry proxy on each of them.
    #[arg(long, env = "DEIS_IMAGE_HOST", default_value = "127.0.0.1:5555")]
    pub image_host: String,

    /// Registries that `deis pull` may ask although their addresses are private, separated by commas:
    /// "registry.corp.example:5000", with "http://" before it when it has no TLS.
    #[arg(long, env = "DEIS_PULL_REGISTRIES", value_delimiter = ',')]
    pub pull_registries: Vec<String>,

    /// OCI layout with the stack's run image, which apps are put on.
    #[arg(long, env = "DEIS_STACK_RUN", default_value = "/usr/share/deis/stack-run")]
    pub stack_run: PathBuf,

    /// This pod's address, which build pods connect to.
    #[arg(long, env = "DEIS_POD_IP", default_value = "127.0.0.1")]
    pub pod_ip: IpAddr,

    /// This pod's name, for people who wait for a lock that it holds.
    #[arg(long, env = "DEIS_POD_NAME", default_value = "builder")]
    pub pod_name: String,

    /// Image and limits of build pods.
    #[command(flatten)]
    pub build_pod: BuildPodConfig,

    /// What a push may cost.
    #[command(flatten)]
    pub limits: Limits,

    /// The program that git calls as its hook; this program, unless told otherwise.
    #[arg(long, env = "DEIS_HOOK_PROGRAM")]
    pub hook_program: Option<PathBuf>,
}

/// What build pods are made of.
#[derive(Clone, Debug, clap::Args)]
pub struct BuildPodConfig {
    /// The stack's build image.
    #[arg(long = "stack-build-image", env = "DEIS_STACK_BUILD_IMAGE", default_value = "deis/stack-build")]
    pub image: String,

    /// Processors that a build may use.
    #[arg(long = "build-cpu", env = "DEIS_BUILD_CPU", default_value = "2")]
    pub cpu: String,

    /// Memory that a build may use.
    #[arg(long = "build-memory", env = "DEIS_BUILD_MEMORY", default_value = "2Gi")]
    pub memory: String,

    /// Disk that a build may use.
    #[arg(long = "build-disk", env = "DEIS_BUILD_DISK", default_value = "8Gi")]
    pub disk: String,
}

/// What one push may take and how long it may last.
#[derive(Clone, Debug, clap::Args)]
pub struct Limits {
    /// How long a build may take, in seconds, from the first line to the image in the registry.
    #[arg(long, env = "DEIS_BUILD_TIMEOUT", default_value = "900", value_parser = seconds)]
    pub build_timeout: Duration,

    /// How long the rest of a push may take besides, in seconds: receiving objects, and the deploy.
    #[arg(long, env = "DEIS_PUSH_TIMEOUT", default_value = "1800", value_parser = seconds)]
    pub push_timeout: Duration,

    /// How many bytes a push may send.
    #[arg(long, env = "DEIS_MAX_PUSH_BYTES", default_value_t = 1 << 30)]
    pub max_push_bytes: u64,

    /// How big the files of a commit may be together, in bytes.
    #[arg(long, env = "DEIS_MAX_SOURCE_BYTES", default_value_t = 2 << 30)]
    pub max_source_bytes: u64,

    /// How big an app's own layers may be together, packed, in bytes.
    #[arg(long, env = "DEIS_MAX_IMAGE_BYTES", default_value_t = 1 << 30)]
    pub max_image_bytes: u64,

    /// How big the layers of an image that is pulled may be together, packed, in bytes.
    #[arg(long, env = "DEIS_MAX_PULL_BYTES", default_value_t = 4 << 30)]
    pub max_pull_bytes: u64,

    /// How big an app's build cache may be, packed, in bytes; 0: nothing is cached.
    #[arg(long, env = "DEIS_MAX_CACHE_BYTES", default_value_t = 512 << 20)]
    pub max_cache_bytes: u64,

    /// How big all build caches may be together; the oldest make room. They share the volume with the repositories.
    #[arg(long, env = "DEIS_MAX_CACHE_TOTAL_BYTES", default_value_t = 4 << 30)]
    pub max_cache_total_bytes: u64,

    /// How long an SSH client may take to prove a key, in seconds.
    #[arg(long, env = "DEIS_LOGIN_GRACE", default_value = "30", value_parser = seconds)]
    pub login_grace: Duration,

    /// How many SSH connections there may be at a time; when there are more, the oldest that has not proved a key makes room.
    #[arg(long, env = "DEIS_MAX_CONNECTIONS", default_value_t = 256)]
    pub max_connections: usize,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        &self.process
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Config::command().debug_assert();
    }
}
