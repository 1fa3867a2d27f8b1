use std::net::SocketAddr;
use std::time::Duration;

/// What every process is configured with; flattened into each service's own `Config`.
#[derive(Clone, Debug, clap::Args)]
pub struct ProcessConfig {
    /// Address of the admin port: /healthz, /readiness and /metrics.
    #[arg(long, env = "DEIS_ADMIN_ADDRESS", default_value = "0.0.0.0:9090")]
    pub admin_address: SocketAddr,

    /// Which log lines are written and which spans are traced: a tracing-subscriber filter such as "info,deis_router=debug".
    #[arg(long, env = "DEIS_LOG", default_value = "info")]
    pub log: String,

    /// Where traces are sent: the URL of an OTLP/gRPC receiver. Without it none are made.
    #[arg(long, env = "DEIS_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// How long the process may take to end after SIGTERM, in seconds.
    #[arg(long, env = "DEIS_SHUTDOWN_SECONDS", default_value = "25", value_parser = seconds)]
    pub shutdown_after: Duration,
}

fn seconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_secs)
}
