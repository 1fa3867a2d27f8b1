//! The builder with failpoints: a process that tests can end on either side of every effect of a push. Only images of the tests
//! carry it.

mod faulty;

use std::process::ExitCode;

use deis_builder::{Config, hook, run_through};

fn main() -> ExitCode {
    if hook::is_called() {
        return hook::main();
    }
    deis_failpoints::main::<Config, _, _, _>("builder", &faulty::POINTS, async |config, context, failpoints| {
        let tasks = context.tasks.clone();
        run_through(config, context, move |peers| faulty::wrap(peers, failpoints, tasks)).await
    })
}
