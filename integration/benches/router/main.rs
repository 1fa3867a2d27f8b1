//! The router's own part of `make bench`: the shipped program beside nginx and HAProxy, and between a real API server and many routes.
//! One table; exit status 1 when a ceiling is broken. Words on the command line choose figures by name:
//! `cargo test --bench router -- router-cpu router-change`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a figure that cannot be taken ends the bench"
)]

mod change;
mod cluster;
mod cold_start;
mod cpu;
#[path = "../bench/exec.rs"]
mod exec;
#[path = "../bench/figure.rs"]
#[expect(dead_code, reason = "the platform's figures need more of it")]
mod figure;
mod http;
mod latency;
mod load;
mod memory;
mod peers;
mod pki;
mod process;
mod relay;
mod rounds;
mod router;
mod sandbox;
#[path = "../bench/table.rs"]
mod table;
mod world;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use self::rounds::Rounds;
use self::table::Table;
use self::world::World;

const NAMES: [&str; 5] = ["router-cpu", "router-latency", "router-change", "router-memory", "router-start"];

fn main() -> ExitCode {
    // Cargo adds `--bench` to what was typed; only words are names, and not all of them are of this bench.
    let words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect::<Vec<_>>();
    let chosen = NAMES.into_iter().filter(|name| words.is_empty() || words.iter().any(|word| word == name));
    let chosen = chosen.collect::<Vec<_>>();
    if chosen.is_empty() {
        return ExitCode::SUCCESS;
    }
    if !sandbox::is_inside() {
        panic!("unshare: {}", sandbox::enter());
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        end_at_signals();
        measure(chosen).await
    })
}

/// The first process of all is not ended by signals that it does not wait for; with it all others end.
fn end_at_signals() {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signal = signal(kind).unwrap();
        #[expect(clippy::disallowed_methods, clippy::exit, reason = "a bench has no process around it")]
        drop(tokio::spawn(async move {
            signal.recv().await;
            std::process::exit(1)
        }));
    }
}

async fn measure(chosen: Vec<&'static str>) -> ExitCode {
    let wanted = |name: &str| chosen.contains(&name);
    let world = World::make().await;
    let (clusters, routers) = (&world.clusters, &world.routers);
    let (fewest, most) = (clusters.first().unwrap(), clusters.last().unwrap());

    let mut table = Table::begin();
    if wanted("router-cpu") || wanted("router-latency") {
        let rounds =
            tokio::task::block_in_place(|| Rounds::take(routers.last().unwrap(), &world.nginx, &world.haproxy));
        if wanted("router-cpu") {
            table.figures(cpu::figures(&rounds));
        }
        if wanted("router-latency") {
            table.figures(latency::figures(&rounds));
        }
    }
    if wanted("router-change") {
        table.figures(change::measure(clusters, routers).await);
    }
    if wanted("router-memory") {
        table.figures(memory::measure(&world.starts(), fewest, most, &world.pki).await);
    }
    if wanted("router-start") {
        table.figures(cold_start::measure(&world.starts(), most).await);
    }
    table.end()
}
