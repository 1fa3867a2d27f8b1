use deis_api::Hostname;
use deis_cli::{Failure, Ui};
use jiff::Timestamp;

use crate::cluster::ClusterArgs;
use crate::init::{self, KubeStore, Settings};

/// Make the platform's certificates, keys and passwords, as Secrets.
///
/// What is missing is made and certificates that expire are renewed; nothing else is overwritten. The chart runs this before
/// each install and upgrade and once a week.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The platform's domain, for the certificate of its edge.
    #[arg(long, value_name = "name")]
    domain: Hostname,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let store = KubeStore::new(cluster.client().await?, &cluster.namespace);
    let settings = Settings { namespace: cluster.namespace.clone(), domain: args.domain };
    for (name, outcome) in init::run(&store, &settings, Timestamp::now()).await? {
        ui.line(format_args!("{name} {outcome}"))?;
    }
    Ok(())
}
