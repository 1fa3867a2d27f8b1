//! Every setting of the service.

use std::net::SocketAddr;
use std::path::PathBuf;

use deis_bootstrap::ProcessConfig;
use http::Uri;

/// The configuration of the registry proxy.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "registry-proxy", version, about = "A node's read-only door to the registry")]
pub struct Config {
    /// What every process has.
    #[command(flatten)]
    pub process: ProcessConfig,

    /// Address of the door, in the pod; the node's port is on its loopback.
    #[arg(long, env = "DEIS_DOOR_LISTEN", default_value = "0.0.0.0:5555")]
    pub door: SocketAddr,

    /// Address of the gRPC server.
    #[arg(long, env = "DEIS_LISTEN", default_value = "0.0.0.0:50051")]
    pub listen: SocketAddr,

    /// Folder with this service's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, env = "DEIS_TLS", default_value = "/var/run/secrets/deis/tls")]
    pub tls: PathBuf,

    /// Where the registry is.
    #[arg(long, env = "DEIS_REGISTRY", default_value = "http://deis-registry:5000", value_parser = registry)]
    pub registry: Uri,

    /// Folder with the registry's credentials: username, password.
    #[arg(long, env = "DEIS_REGISTRY_CREDENTIALS", default_value = "/var/run/secrets/deis/registry")]
    pub credentials: PathBuf,

    /// File with the key that pull credentials are made of.
    #[arg(long, env = "DEIS_PULL_KEY", default_value = "/var/run/secrets/deis/pull/key")]
    pub pull_key: PathBuf,
}

impl AsRef<ProcessConfig> for Config {
    fn as_ref(&self) -> &ProcessConfig {
        &self.process
    }
}

fn registry(text: &str) -> Result<Uri, &'static str> {
    let uri: Uri = text.parse().map_err(|_invalid| "not a URL")?;
    match (uri.scheme_str(), uri.path()) {
        (Some("http"), "/") if uri.query().is_none() => Ok(uri),
        _ => Err("must be http://HOST:PORT"),
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

    #[test]
    fn a_registry_is_a_host_and_a_port() {
        assert_eq!(registry("http://deis-registry:5000").unwrap().authority().unwrap(), "deis-registry:5000");
        for text in ["", "deis-registry:5000", "https://deis-registry", "http://deis-registry/v2", "http://r/?a"] {
            assert!(registry(text).is_err(), "{text}");
        }
    }
}
