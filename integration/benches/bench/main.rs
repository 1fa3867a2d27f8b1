//! `make bench`: how long what matters takes on the real node, beside the ceilings of the design. One table; exit status 1 when a
//! ceiling is broken. Words on the command line choose figures by name: `cargo test --bench bench -- push roll`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a figure that cannot be taken ends the bench"
)]

mod config_set;
mod cpu;
#[path = "../common/exec.rs"]
mod exec;
#[path = "../common/figure.rs"]
#[expect(dead_code, reason = "the router's figures need more of it")]
mod figure;
mod languages;
mod large_push;
mod log_cpu;
mod logs;
mod memory;
mod pods;
mod probe;
mod push;
mod roll;
mod route;
mod scale;
#[path = "../../tests/cluster/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests on the node need more of it")]
mod support;
#[path = "../common/table.rs"]
mod table;
mod up;

use std::process::ExitCode;

use self::support::{Developer, Platform};
use self::table::Table;

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds `--bench` to what was typed; only words are names.
    let chosen = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect::<Vec<_>>();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
    let platform = Platform::connect_alone().await;
    let developer = Developer::register(&platform, "bench").await;

    let mut table = Table::begin();
    if wanted("memory") {
        // First: what the services hold before anybody works them.
        table.figures(memory::measure(&platform).await);
    }
    if wanted("push") {
        table.figures([push::measure(&platform, &developer).await]);
    }
    if wanted("languages") {
        for example in &languages::EXAMPLES {
            table.figures(languages::measure(&platform, &developer, example).await);
        }
    }
    if wanted("push-100mb") {
        table.figures(large_push::measure(&platform, &developer).await);
    }
    if wanted("config-set") {
        table.figures([config_set::measure(&platform, &developer).await]);
    }
    if wanted("scale") {
        table.figures([scale::measure(&platform, &developer).await]);
    }
    if wanted("roll") {
        table.figures(roll::measure(&platform, &developer).await);
    }
    if wanted("route") {
        table.figures([route::measure(&platform, &developer).await]);
    }
    if wanted("logs") {
        table.figures(logs::measure(&platform, &developer).await);
    }
    if wanted("logs-cpu") {
        table.figures(log_cpu::measure(&platform, &developer).await);
    }
    if wanted("up") {
        table.figures(up::given());
    }
    table.end()
}
