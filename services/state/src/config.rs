//! Every setting of the service.

use std::net::SocketAddr;
use std::path::PathBuf;

use deis_bootstrap::ProcessConfig;

/// The configuration of the state service.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "state", version, about = "Leases, locks, leadership, settings and progress, kept in etcd")]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Address of the gRPC server.
    #[arg(long, env = "DEIS_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,

    /// Folder with this service's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Where etcd is.
    #[command(flatten)]
    pub etcd: EtcdConfig,
}

/// How etcd is reached.
#[derive(Clone, Debug, clap::Args)]
pub struct EtcdConfig {
    /// etcd's client addresses, separated by commas.
    #[arg(
        long = "etcd-endpoints",
        env = "DEIS_ETCD_ENDPOINTS",
        default_value = "https://deis-etcd:2379",
        value_delimiter = ','
    )]
    pub endpoints: Vec<String>,

    /// Folder with the client certificate for etcd: tls.crt, tls.key, ca.crt. Not read when the addresses are plain HTTP.
    #[arg(id = "etcd-tls", long, env = "DEIS_ETCD_TLS", default_value = "/var/run/secrets/deis/etcd")]
    pub tls: PathBuf,
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
