//! The processes of the logger: the server, and the agent on every node.

fn main() -> std::process::ExitCode {
    deis_bootstrap::main::<deis_logger::Config, _, _, _>("logger", deis_logger::run)
}
