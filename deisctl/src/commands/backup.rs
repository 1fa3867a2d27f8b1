use std::time::Instant;

use deis_api::Code;
use deis_cli::{Failure, Format, OutputArgs, Ui};
use jiff::Timestamp;
use kube::Client;
use nix::sys::stat::{Mode, umask};
use serde::Serialize;

use crate::backup::{Archive, Log, Place, PlaceError, Size, Writer, make, rehearse};
use crate::cluster::ClusterArgs;
use crate::stop::Stop;

/// Write a backup of the platform.
///
/// It holds all that cannot be derived: accounts, apps, releases and configuration, settings, the platform's keys, git repositories
/// and images. Nothing stands still meanwhile. It is as secret as the platform itself and is not encrypted.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder, or s3://bucket/prefix with the standard AWS_* variables. Each backup has a folder of its own in it.
    destination: String,

    /// Read it back and rehearse the restore: load the ledger and the repositories beside those in use.
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Summary {
    backup: String,
    apps: usize,
    repositories: usize,
    images: usize,
    files: usize,
    bytes: u64,
    seconds: u64,
    verified: bool,
    notices: Vec<String>,
}

pub(crate) async fn run(args: Args, cluster: &ClusterArgs, ui: &mut Ui) -> Result<(), Failure> {
    // Files and folders for this user alone, however they come about.
    umask(Mode::from_bits_truncate(0o077));
    let start = Instant::now();
    let created = Timestamp::now();
    let place = Place::parse(&args.destination, true)
        .map_err(PlaceError::told)?
        .child(&created.strftime("%Y%m%dT%H%M%SZ").to_string());
    let mut log = Log::new(ui, args.output.output != Format::Table);

    let client = cluster.client().await?;
    // Before there is anything of it.
    let mut stop = Stop::listen()?;
    let writer = Writer::begin(place.clone()).await.map_err(PlaceError::told)?;
    let make = make(writer, created, &client, &cluster.namespace, &mut log);
    let removed = "the backup was not completed, what there was of it is removed";
    let (manifest, lost) = match stop.unless(make, |status| Failure::stopped(status, removed)).await {
        Ok(written) => written,
        Err(failure) => {
            if let Err(error) = place.remove().await {
                let _told = log.notice(format!("{} is no backup and could not be removed: {error}", place.name()));
            }
            return Err(failure);
        }
    };
    if args.verify {
        let verify = verify(&place, &lost, &client, &cluster.namespace, &mut log);
        let verified = stop.unless(verify, |status| Failure::stopped(status, "the platform is as it was")).await;
        verified.map_err(|failure| failure.hint(format!("{} is complete, but was not verified.", place.name())))?;
    }
    let summary = Summary {
        backup: place.name().to_owned(),
        apps: manifest.ledger.apps.len(),
        repositories: manifest.repositories.len(),
        images: manifest.images.len(),
        files: manifest.files.len(),
        bytes: manifest.size(),
        seconds: start.elapsed().as_secs(),
        verified: args.verify,
        notices: log.notices,
    };
    args.output.show(ui, &summary, |ui, summary| {
        let verified = if summary.verified { ", verified" } else { "" };
        let Summary { backup, seconds, bytes, .. } = summary;
        ui.line(format_args!("{backup} is a backup of {}{verified}, made in {seconds} s.", Size(*bytes)))
    })
}

async fn verify(
    place: &Place,
    lost: &[String],
    client: &Client,
    namespace: &str,
    log: &mut Log<'_>,
) -> Result<(), Failure> {
    rehearse(&Archive::open(place.clone()).await?, client, namespace, log).await?;
    match lost.first() {
        Some(first) => {
            let message = format!("the platform itself is not whole: {first}");
            Err(Failure::new(message).code(Code::FailedPrecondition.as_str()))
        }
        None => Ok(()),
    }
}
