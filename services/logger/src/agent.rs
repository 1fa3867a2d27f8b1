//! The agent of a node: from files to batches.
//!
//! From the files inwards: [`file`] knows one file whatever it is called by now, [`cri`] joins the records of runtimes to lines,
//! [`source`] reads the files of one container as one, `node` gives all containers their turns, `shipping` sends what they have.
//! [`owner`] says whose they are, [`positions`] how far they have been read, `hints` when to look.

mod cri;
mod file;
mod hints;
mod metrics;
mod node;
mod owner;
mod positions;
mod resume;
mod shipping;
mod source;

use std::time::Duration;

use deis_bootstrap::{Context, Latch};
use deis_proto::logger::log_service_client::LogServiceClient;
use deis_rpc::Identity;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::metrics::Counts;
use self::node::{Node, Round, UNDER_WAY, Work};
use self::owner::Owners;
use crate::config::AgentConfig;
use crate::error::StartError;

/// How often everything is looked at, told or not. The kernel's queue of changes has an end, folders may come faster than watches
/// on them, and a file that was read to its end is left only after a while: none of that tells us.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes within so long are taken in together: a line for itself costs as much as a hundred.
const GATHER: Duration = Duration::from_millis(10);
/// How often files are looked at that may be at their end.
const SETTLE: Duration = Duration::from_millis(100);

/// Follows the node's pods until the process is asked to end. The process is ready when it has heard of all of them once; the
/// server is a peer and not waited for.
///
/// # Errors
/// The certificates, the positions or the configuration of Kubernetes cannot be used.
pub async fn run(config: AgentConfig, context: Context, starting: Latch) -> Result<(), StartError> {
    let identity = Identity::load(config.tls)?;
    let counts = Counts::register(&context.metrics);
    let owners = Owners::new(config.namespace);
    owners.follow(&context, &deis_kube::watch::client().await?, &config.node_name);
    starting.release();

    let (folder, positions) = (config.log_directory, config.positions);
    let failed = |error| StartError::Positions(positions.clone(), error);
    let opened = {
        let (owners, counts, positions) = (owners.clone(), counts.clone(), positions.clone());
        context.tasks.blocking("read positions", move || Node::open(folder, positions, owners, counts)).await?
    };
    let client = LogServiceClient::new(deis_rpc::connect("logger", config.logger, &identity));
    let (batches, to_ship) = mpsc::channel(UNDER_WAY);
    let (to_acknowledge, stored) = mpsc::channel(UNDER_WAY);
    let end = context.shutdown.clone();
    let shipping = shipping::ship(client, to_ship, to_acknowledge, counts);
    context.tasks.spawn("shipping", async move { end.run_until_cancelled(shipping).await });
    follow(opened.map_err(failed)?, owners, batches, stored, &context).await.map_err(|error| match error {
        Ended::Positions(error) => StartError::Positions(positions, error),
        Ended::Task(error) => StartError::Task(error),
    })
}

enum Ended {
    Positions(std::io::Error),
    Task(deis_bootstrap::TaskFailed),
}

fn pace(period: Duration) -> Interval {
    let mut pace = interval(period);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// Reads what comes, as far as it may be under way, until the process is asked to end.
async fn follow(
    mut node: Node,
    owners: Owners,
    batches: mpsc::Sender<deis_proto::logger::AppendRequest>,
    mut stored: mpsc::Receiver<u64>,
    context: &Context,
) -> Result<(), Ended> {
    let told = node.hints.told();
    let (mut looks, mut gather, mut settle) = (pace(LOOK_EVERY), pace(GATHER), pace(SETTLE));
    let mut last = Round::default();
    loop {
        let mut work = Work::default();
        tokio::select! {
            biased;
            () = context.shutdown.cancelled() => break,
            _look = looks.tick() => work.look = true,
            () = owners.changed() => work.look = true,
            batch = stored.recv() => work.acknowledged.extend(batch),
            () = std::future::ready(()), if last.is_behind => {}
            () = told.notified() => {}
            _moment = settle.tick(), if last.is_settling => {}
        }
        if !last.is_behind && work.acknowledged.is_empty() {
            tokio::select! {
                _gathered = gather.tick() => {}
                batch = stored.recv(), if last.is_waiting => work.acknowledged.extend(batch),
            }
        }
        while let Ok(batch) = stored.try_recv() {
            work.acknowledged.push(batch);
        }
        let done = context.tasks.blocking("read logs", move || {
            let round = node.round(&work);
            (node, round)
        });
        let round;
        (node, round) = done.await.map_err(Ended::Task)?;
        last = round.map_err(Ended::Positions)?;
        for batch in std::mem::take(&mut last.batches) {
            // There is room: no more are under way than it has.
            if batches.send(batch).await.is_err() {
                break;
            }
        }
    }
    let saved = context.tasks.blocking("save positions", move || node.save()).await.map_err(Ended::Task)?;
    saved.map_err(Ended::Positions)
}
