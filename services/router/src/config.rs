//! Everything that a router can be configured with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use deis_api::Hostname;
use deis_bootstrap::ProcessConfig;
use ipnet::IpNet;

/// The router: the edge of the platform.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "router", version)]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Where plain HTTP is served.
    #[arg(long, env = "DEIS_HTTP_ADDRESS", default_value = "0.0.0.0:8080")]
    pub http_address: SocketAddr,

    /// Where HTTPS is served.
    #[arg(long, env = "DEIS_HTTPS_ADDRESS", default_value = "0.0.0.0:6443")]
    pub https_address: SocketAddr,

    /// Where git pushes come in, to be handed to the builder as they are.
    #[arg(long, env = "DEIS_GIT_ADDRESS", default_value = "0.0.0.0:2222")]
    pub git_address: SocketAddr,

    /// Where router.v1 is served.
    #[arg(long, env = "DEIS_LISTEN", default_value = "0.0.0.0:50051")]
    pub grpc_address: SocketAddr,

    /// The platform's domain: an app's bare name is served at {name}.{domain}. Without it, at every host that begins with {name} and a dot.
    #[arg(long, env = "DEIS_DOMAIN")]
    pub domain: Option<Hostname>,

    /// The platform's own namespace, where the Service deis-builder is.
    #[arg(long, env = "DEIS_NAMESPACE", default_value = "deis")]
    pub namespace: String,

    /// Folder with this service's certificate among the services: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls_folder: PathBuf,

    /// Folder with the platform's wildcard certificate for HTTPS: tls.crt, tls.key. Read again when it changes.
    #[arg(long, env = "DEIS_PLATFORM_CERT", default_value = "/var/run/secrets/deis/platform-cert")]
    pub platform_cert_folder: PathBuf,

    /// File that keeps the last good table for a start without Kubernetes.
    #[arg(long, env = "DEIS_TABLE_FILE", default_value = "/var/lib/deis/table.json")]
    pub table_file: PathBuf,

    /// File that keeps the last good certificates of apps beside the table; there are keys in it, so its folder is to be in memory.
    #[arg(long, env = "DEIS_CERTIFICATES_FILE", default_value = "/var/lib/deis-certificates/certificates.json")]
    pub certificates_file: PathBuf,

    /// Addresses and networks of load balancers before the router, separated by commas: their X-Forwarded-* headers are believed.
    #[arg(long, env = "DEIS_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,

    /// After this many seconds without Kubernetes requests go to Service addresses instead of pod addresses.
    #[arg(long, env = "DEIS_STALE_AFTER_SECONDS", default_value = "30", value_parser = seconds)]
    pub stale_after: Duration,

    /// For how many seconds a client may be silent between two requests, or within the head of one.
    #[arg(long, env = "DEIS_CLIENT_IDLE_SECONDS", default_value = "75", value_parser = seconds)]
    pub client_idle: Duration,

    /// For how many seconds a client may take nothing of an answer that there is something of, or send nothing of a request's body; in all the body
    /// may take as long, and a second more for each 500 bytes.
    #[arg(long, env = "DEIS_CLIENT_STALL_SECONDS", default_value = "60", value_parser = seconds)]
    pub client_stall: Duration,

    /// For how many seconds a request waits when all pods of its app have as many connections as they may.
    #[arg(long, env = "DEIS_PLACE_WAIT_SECONDS", default_value = "5", value_parser = seconds)]
    pub place_wait: Duration,

    /// How many connections are open at once, and a quarter of them at most with requests for the same app; further ones wait in the kernel's queue.
    #[arg(long, env = "DEIS_MAX_CONNECTIONS", default_value = "16384")]
    pub max_connections: usize,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        &self.process
    }
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}
