//! The state service's process.

fn main() -> std::process::ExitCode {
    deis_bootstrap::main::<deis_state::Config, _, _, _>("state", deis_state::run)
}
