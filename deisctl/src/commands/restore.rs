use std::time::Instant;

use deis_cli::{Failure, Format, OutputArgs, Ui};
use serde::Serialize;

use crate::backup::{Archive, ArchiveError, Log, Place, PlaceError, Restore, rehearse};
use crate::cluster::ClusterArgs;
use crate::stop::Stop;

/// Bring a backup back into a platform that is installed.
///
/// The whole backup is read and checked before anything changes. Everything is then brought into the platform beside what is in use,
/// and put in its place while the controller stands still; the apps that run go on serving. Afterwards the controller makes again
/// what an app lacks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A backup, or the folder or s3://bucket/prefix that it is in: then the newest.
    source: String,

    /// Replace the apps that the platform has.
    #[arg(long)]
    overwrite: bool,

    /// Only rehearse it: read the backup, load its ledger and repositories beside those in use, and take them away again.
    #[arg(long, conflicts_with = "overwrite")]
    dry_run: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Summary {
    backup: String,
    restored: bool,
    apps: usize,
    repositories: usize,
    images: usize,
    seconds: u64,
    notices: Vec<String>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    let start = Instant::now();
    let mut log = Log::new(ui, args.output.output != Format::Table);
    let (place, incomplete) =
        async { Place::parse(&args.source, false)?.newest().await }.await.map_err(PlaceError::told)?;
    for name in incomplete {
        log.notice(format!("{name} is no backup, it was never completed"))?;
    }
    let archive = Archive::open(place).await.map_err(ArchiveError::told)?;
    let client = cluster.client().await?;
    if args.dry_run {
        let rehearse = rehearse(&archive, &client, &cluster.namespace, &mut log);
        Stop::listen()?.unless(rehearse, as_it_was).await?;
    } else {
        restore(&args, &archive, &client, &cluster.namespace, &mut log).await?;
    }
    let summary = Summary {
        backup: archive.name().to_owned(),
        restored: !args.dry_run,
        apps: archive.manifest.ledger.apps.len(),
        repositories: archive.manifest.repositories.len(),
        images: archive.manifest.images.len(),
        seconds: start.elapsed().as_secs(),
        notices: log.notices,
    };
    args.output.show(ui, &summary, |ui, summary| {
        let Summary { backup, seconds, apps, .. } = summary;
        if summary.restored {
            ui.line(format_args!(
                "{backup} is restored in {seconds} s; the controller starts what is missing of {apps} apps."
            ))
        } else {
            ui.line(format_args!("{backup} can be restored. Nothing was changed."))
        }
    })
}

fn as_it_was(status: u8) -> Failure {
    Failure::stopped(status, "the platform is as it was")
}

async fn restore(
    args: &Args,
    archive: &Archive,
    client: &kube::Client,
    namespace: &str,
    log: &mut Log<'_>,
) -> Result<(), Failure> {
    let restore = Restore::new(archive, client, namespace).await?;
    let mut stop = Stop::listen()?;
    let unchanged = |status| Failure::stopped(status, "nothing was changed");
    stop.unless(restore.examine(args.overwrite, log), unchanged).await?;
    let staged = stop.unless(restore.stage(log), as_it_was).await;
    let restored = match staged {
        // From here on Ctrl-C does nothing: half of the rest would be worse than all.
        Ok(()) => restore.commit(args.overwrite, log).await,
        Err(failure) => Err(failure),
    };
    if restored.is_err()
        && let Err(failure) = restore.abandon().await
    {
        let _told = log.notice(format!(
            "what was brought into the platform could not be removed, the next restore does that: {}",
            failure.summary()
        ));
    }
    restored
}
