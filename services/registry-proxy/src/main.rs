//! The registry proxy's process.

fn main() -> std::process::ExitCode {
    deis_bootstrap::main::<deis_registry_proxy::Config, _, _, _>("registry-proxy", deis_registry_proxy::run)
}
