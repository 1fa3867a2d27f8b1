//! Every setting of both roles.
//!
//! | | `logger serve` | `logger agent` |
//! |---|---|---|
//! | Runs as | Deployment `deis-logger`, one replica or more | DaemonSet `deis-logger-agent`, one pod on each node |
//! | Certificate at `DEIS_TLS` | `spiffe://deis/logger`, DNS `deis-logger` | `spiffe://deis/logger-agent` |
//! | Ports | gRPC 50051 (Service `deis-logger`), admin 9090 | admin 9090 |
//! | Mounts | the key `password` of Secret `deis-logger-redis-creds` | host folder `/var/log/pods`, read only; host folder `/var/lib/deis-logger` |
//! | Environment that must be set | – | `NODE_NAME`, from `spec.nodeName` |
//! | Runs as user | any | root, for the kubelet's log files are root's; no capability beyond, no privilege |
//! | May in Kubernetes | nothing; no token | ClusterRole: `list` and `watch` of `pods` and `namespaces` |
//!
//! Redis keeps what it has in an append-only file (`appendonly yes`) and evicts nothing (`maxmemory-policy noeviction`, with a
//! `maxmemory` half as large again as the bound of all apps, if any: the bounds are kept by us, and an eviction would take a whole
//! app). With `appendfsync always` nothing acknowledged is lost whatever dies. With `everysec` up to two seconds may be; the server
//! counts them in the apps' logs, unless it dies in the same moment.

use std::net::SocketAddr;
use std::path::PathBuf;

use deis_bootstrap::ProcessConfig;
use http::Uri;

/// The configuration of the logger.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "logger", version, about = "The newest log lines of every app")]
pub struct Config {
    /// What this process does.
    #[command(subcommand)]
    pub role: Role,
}

/// What a process does.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Role {
    /// Keeps lines in Redis and serves them.
    Serve(ServeConfig),
    /// Follows the log files of this node's apps and sends their lines to the server.
    Agent(AgentConfig),
}

/// The configuration of the server.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeConfig {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Address of the gRPC server.
    #[arg(long, env = "DEIS_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,

    /// Folder with this service's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Where lines are kept.
    #[command(flatten)]
    pub store: StoreConfig,
}

/// Where and how many lines are kept.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreConfig {
    /// Host and port of Redis.
    #[arg(long = "redis", env = "DEIS_REDIS", default_value = "deis-logger-redis:6379")]
    pub address: String,

    /// File with the password of Redis. Read at each connection, so that it can be changed.
    #[arg(
        long = "redis-password-file",
        env = "DEIS_REDIS_PASSWORD_FILE",
        default_value = "/var/run/secrets/deis/redis/password"
    )]
    pub password_file: PathBuf,

    /// How many lines of an app are kept at most.
    #[arg(long, env = "DEIS_LOG_LINES", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..))]
    pub lines_per_app: u64,

    /// How many bytes of an app are kept at most.
    #[arg(long, env = "DEIS_LOG_BYTES", default_value = "8388608", value_parser = clap::value_parser!(u64).range(1..))]
    pub bytes_per_app: u64,

    /// How many bytes are kept of all apps together: beyond, the app that has most loses its oldest lines. Redis needs about a
    /// third more than this.
    #[arg(long, env = "DEIS_LOG_TOTAL_BYTES", default_value = "268435456", value_parser = clap::value_parser!(u64).range(1..))]
    pub bytes_in_all: u64,
}

/// The configuration of the agent.
#[derive(Clone, Debug, clap::Args)]
pub struct AgentConfig {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Folder with this agent's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Address of the logger.
    #[arg(long, env = "DEIS_LOGGER", default_value = "https://deis-logger:50051")]
    pub logger: Uri,

    /// The name of the node, whose pods are followed.
    #[arg(long, env = "NODE_NAME")]
    pub node_name: String,

    /// The platform's own namespace, whose pods are nobody's apps.
    #[arg(long, env = "DEIS_NAMESPACE", default_value = "deis")]
    pub namespace: String,

    /// The kubelet's log folder: `{namespace}_{pod}_{uid}/{container}/{restart}.log`.
    #[arg(long, env = "DEIS_LOG_DIRECTORY", default_value = "/var/log/pods")]
    pub log_directory: PathBuf,

    /// File that says how far each log file has been read. Its folder is made if missing.
    #[arg(long, env = "DEIS_LOG_POSITIONS", default_value = "/var/lib/deis-logger/positions")]
    pub positions: PathBuf,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        match &self.role {
            Role::Serve(config) => &config.process,
            Role::Agent(config) => &config.process,
        }
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
