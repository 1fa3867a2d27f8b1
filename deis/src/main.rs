//! `deis`, the developer's command line.
//!
//! It owns nothing but the file with the user's token. Texts, exit codes, files and variables are those of Deis
//! Workflow's client 2.x, so that its users and their scripts feel at home. Where we chose otherwise:
//!
//! - `deis create` says `Git remote deis added` and `remote available at ssh://…`, and `deis releases` writes times as
//!   `2016-02-20T23:12:34UTC`, as the talk shows them.
//! - Progress marks are drawn on a terminal only; the original wrote its frames into files and pipes as well.
//! - Wrong arguments are answered with the reason before the usage line, and typos with a suggestion.
//! - A refusal that carries a code of the platform (`Deis-Error-Code`) and has no text of its own in the table of
//!   [`api::refusal`] is told by its own sentence; `Unknown Error (…)` is left for servers without codes.
//! - A request whose answer was lost, or which a router could not hand on, is made again for up to 30 s ([`api::Api::unless_heard`]): the
//!   controller knows by its key what it has done already. What changes credentials and what runs a command is told once, and not asked again.
//! - `deis whoami` asks the controller whose token it is; the original repeated its own file.
//! - `deis destroy` takes away the app's git remotes whichever way the app was found.
//! - `deis ps:restart` looks a process's name up in the list of processes; the original took names apart, and types
//!   with hyphens could not be restarted.
//! - `deis builds` names the builds that failed or were cancelled, behind the time.
//! - `deis config:pull` leaves out values of several lines and says so; `config:push --path` takes the file even when
//!   something is piped in.
//! - Every reading command takes `--output table|json|yaml`; `DEIS_APP`, `DEIS_CONTROLLER`, `DEIS_TOKEN` and
//!   `--password-stdin` serve scripts. Whatever waits for a deploy takes `--timeout`; where the original had a longer option of that
//!   beginning (`healthchecks:set --timeout-seconds`), it cannot be shortened so far any more.
#![expect(unreachable_pub, reason = "a program exports nothing; `pub` says that another module uses it")]

mod api;
mod app;
mod cli;
mod client_file;
mod commands;
mod context;
mod controller;
mod environment;
mod exec;
mod format;
mod git;
mod plugin;
mod resolver;
mod terminal;

use std::process::ExitCode;

use deis_cli::Ui;

use self::context::Context;
use self::environment::Environment;

fn main() -> ExitCode {
    let mut ui = Ui::system();
    let arguments = std::env::args_os().collect::<Vec<_>>();
    let command = match cli::parse(arguments.clone()) {
        Ok(command) => command,
        Err(said) => {
            let asked = if said.is_unknown { plugin::run(&arguments) } else { Ok(()) };
            return match asked {
                Ok(()) => said.show(&mut ui),
                Err(failure) => ui.report(&failure),
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ui.report(&error.into()),
    };
    let mut context = Context::new(ui, Environment::read());
    let outcome = runtime.block_on(command.run(&mut context));
    // A look-up of a host name may hang in the system's resolver; it is not worth waiting for.
    runtime.shutdown_background();
    match outcome.and(context.warn_of_versions()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => context.ui.report(&failure),
    }
}
