//! The builder's process; under the name `pre-receive` it is the hook that git calls.

use std::process::ExitCode;

fn main() -> ExitCode {
    if deis_builder::hook::is_called() {
        return deis_builder::hook::main();
    }
    deis_bootstrap::main::<deis_builder::Config, _, _, _>("builder", deis_builder::run)
}
