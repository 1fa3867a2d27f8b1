//! The controller's process as test images carry it: with failpoints.

mod faulty;
mod faulty_runs;
mod names;

use std::process::ExitCode;

use faulty::Faults;

fn main() -> ExitCode {
    deis_failpoints::main::<deis_workflow::Config, _, _, _>("workflow", names::NAMES, |config, context, failpoints| {
        deis_workflow::run_with(config, context, Faults(failpoints))
    })
}
