use std::path::PathBuf;

use deis_cli::{Failure, Ui};
use jiff::Timestamp;

use crate::cluster::ClusterArgs;
use crate::diagnose::collect;

/// Write all that somebody who helps needs to know into one archive, without secrets.
///
/// Versions, what status and doctor say, who leads and who holds locks, the platform's objects and Events, the nodes, and the
/// last 1000 lines of each log. Of Secrets only names are in it; their values, and those of the apps' configuration, are taken
/// out of everything else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive to write. Without it, one in the current directory with the time in its name.
    #[arg(long, value_name = "file.tar.gz")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let now = Timestamp::now();
    let file = args.file.unwrap_or_else(|| now.strftime("deis-diagnose-%Y%m%dT%H%M%SZ.tar.gz").to_string().into());
    let client = cluster.client().await?;
    let progress = ui.progress("Looking at the platform... ")?;
    let archive = tokio::select! {
        archive = collect(&client, &cluster.namespace, &progress) => archive?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::interrupted("nothing was written")),
    };
    archive.write(&file)?;
    progress.done(format_args!("{} files", archive.len()))?;
    for missing in archive.what_is_missing() {
        ui.warn(format_args!("Missing: {missing}"))?;
    }
    ui.line(format_args!("Wrote {}. Secrets are left out; look through it before you send it.", file.display()))?;
    Ok(())
}
