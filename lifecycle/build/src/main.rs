//! The program of a build pod: see the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The other side says the same to the person who pushed; these lines are for whoever reads the pod's log.
    #[expect(clippy::print_stderr, reason = "the log of a build pod is its standard error")]
    match deis_build::run(deis_build::Config::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure} ({})", failure.code());
            ExitCode::FAILURE
        }
    }
}
