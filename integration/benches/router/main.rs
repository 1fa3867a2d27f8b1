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
#[path = "../common/exec.rs"]
mod exec;
#[path = "../common/figure.rs"]
#[expect(dead_code, reason = "the platform's figures need more of it")]
mod figure;
#[path = "../common/http.rs"]
mod http;
#[path = "../common/kubernetes.rs"]
#[expect(dead_code, reason = "the API's figures need more of it")]
mod kubernetes;
mod latency;
#[path = "../common/load.rs"]
mod load;
mod memory;
mod peers;
#[path = "../common/pki.rs"]
mod pki;
#[path = "../common/process.rs"]
#[expect(dead_code, reason = "the API's figures need more of it")]
mod process;
mod relay;
mod rounds;
mod router;
#[path = "../common/sandbox.rs"]
mod sandbox;
#[path = "../common/table.rs"]
mod table;
#[path = "../common/turns.rs"]
mod turns;
mod world;

use std::process::ExitCode;

use self::rounds::Rounds;
use self::table::Table;
use self::world::World;

const NAMES: [&str; 5] = ["router-cpu", "router-latency", "router-change", "router-memory", "router-start"];

fn main() -> ExitCode {
    sandbox::run_inside(&NAMES, measure)
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
