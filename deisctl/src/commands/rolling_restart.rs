use deis_cli::{Failure, Ui};

use super::restart::{Pace, Which, restart};
use crate::cluster::ClusterArgs;

/// Replace the pods of components one at a time: the next waits until the one before is ready.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    restart(args.which, Pace::OneByOne, cluster, ui).await
}
