use deis_api::Hostname;
use deis_cli::{Failure, Ui};
use jiff::Timestamp;

use crate::cluster::ClusterArgs;
use crate::init::{self, InitError, KubeStore, Settings};

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
    let done = init::run(&store, &settings, Timestamp::now()).await.map_err(|error| failure(error, &settings))?;
    for (name, outcome) in done {
        ui.line(format_args!("{name} {outcome}"))?;
    }
    Ok(())
}

fn failure(error: InitError, settings: &Settings) -> Failure {
    let remedy = match &error {
        InitError::Plan(error) => Some(error.remedy(settings)),
        _ => None,
    };
    let failure = Failure::from(error);
    match remedy {
        Some(remedy) => failure.hint(remedy),
        None => failure,
    }
}
