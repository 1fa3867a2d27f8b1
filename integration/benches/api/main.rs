//! The API's own part of `make bench`: the shipped workflow over a real PostgreSQL with 10,000 apps in it, beside Django REST framework
//! over the same tables. One table; exit status 1 when a ceiling is broken. Words on the command line choose figures by name:
//! `cargo test --bench api -- api-cpu api-logins`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a figure that cannot be taken ends the bench"
)]

mod client;
mod cluster;
mod cpu;
mod database;
mod django;
#[path = "../common/exec.rs"]
mod exec;
#[path = "../common/figure.rs"]
#[expect(dead_code, reason = "the platform's figures need more of it")]
mod figure;
#[path = "../common/http.rs"]
#[expect(dead_code, reason = "the router's figures need more of it")]
mod http;
#[path = "../common/kubernetes.rs"]
mod kubernetes;
mod latency;
#[path = "../common/load.rs"]
mod load;
mod logins;
mod memory;
#[path = "../common/pki.rs"]
#[expect(dead_code, reason = "the router's figures need more of it")]
mod pki;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/sandbox.rs"]
mod sandbox;
#[path = "../common/table.rs"]
mod table;
#[path = "../common/turns.rs"]
mod turns;
mod workflow;
mod world;

use std::process::ExitCode;

use tokio::task::block_in_place;

use self::table::Table;
use self::world::World;

const NAMES: [&str; 4] = ["api-cpu", "api-latency", "api-logins", "api-memory"];

fn main() -> ExitCode {
    sandbox::run_inside(&NAMES, measure)
}

async fn measure(chosen: Vec<&'static str>) -> ExitCode {
    let wanted = |name: &str| chosen.contains(&name);
    let world = World::make().await;
    world.answers_are_the_same();

    let mut table = Table::begin();
    if wanted("api-cpu") {
        table.figures(block_in_place(|| cpu::measure(&world)));
    }
    if wanted("api-latency") {
        table.figures(block_in_place(|| latency::measure(&world)));
    }
    if wanted("api-logins") {
        table.figures(block_in_place(|| logins::measure(&world)));
    }
    if wanted("api-memory") {
        table.figures(memory::measure(&world).await);
    }
    table.end()
}
