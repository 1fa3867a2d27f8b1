use std::error::Error;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry::Telemetry;
use crate::{Context, ProcessConfig, admin, deadline};

/// The command line or the environment is wrong (`EX_USAGE` of sysexits.h).
const EXIT_USAGE: u8 = 64;

/// The life of a process: parse, set up, run, wait for a signal, drain within the grace period, say how it ended.
///
/// `service` is the service's name as peers know it: "state".
pub fn main<C, F, Fut, E>(service: &'static str, run: F) -> ExitCode
where
    C: clap::Parser + AsRef<ProcessConfig>,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let config = match C::try_parse() {
        Ok(config) => config,
        Err(refusal) => {
            // Nothing is left to do when not even this can be printed.
            drop(refusal.print());
            return if refusal.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    // An error means that a provider is installed already, which is as good.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail_early("the runtime cannot be started", &error),
    };
    runtime.block_on(live(service, config, run))
}

async fn live<C, F, Fut, E>(service: &'static str, config: C, run: F) -> ExitCode
where
    C: AsRef<ProcessConfig>,
    F: FnOnce(C, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error + 'static,
{
    let process = config.as_ref().clone();
    let telemetry = match Telemetry::start(service, &process) {
        Ok(telemetry) => telemetry,
        Err(error) => return fail_early("cannot start", &error),
    };
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    let context = Context::new(service);
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => {
            context.tasks.spawn("signals", end_at_signal(context.clone(), terminate, interrupt));
        }
        (Err(error), _) | (_, Err(error)) => return fail_early("signals cannot be handled", &error),
    }
    let admin = match context.bind(process.admin_address).await {
        Ok(admin) => admin,
        Err(error) => return fail_early("cannot start", &error),
    };
    // Not among `context.tasks`: it answers until the process is gone.
    #[expect(clippy::disallowed_methods, reason = "the admin port outlives all tasks")]
    let admin = tokio::spawn({
        let router = admin::router(&context);
        async move { axum::serve(admin, router).await }
    });
    tracing::info!(service, "started");

    let ended = run_until_drained(run(config, context.clone()), &context, &process).await;
    admin.abort();
    telemetry.end();
    ended
}

async fn run_until_drained<E: Error + 'static>(
    run: impl Future<Output = Result<(), E>>,
    context: &Context,
    process: &ProcessConfig,
) -> ExitCode {
    tokio::pin!(run);
    let early = tokio::select! {
        result = &mut run => Some(result),
        () = context.shutdown.cancelled() => None,
    };
    context.readiness.end();
    context.shutdown.cancel();
    let drained = deadline(process.shutdown_after, async {
        let result = match early {
            Some(result) => result,
            None => run.await,
        };
        context.tasks.finished().await;
        result
    });
    match drained.await {
        Ok(Ok(())) if !context.tasks.failed() => {
            tracing::info!("ended");
            ExitCode::SUCCESS
        }
        Ok(Ok(())) => ExitCode::FAILURE,
        Ok(Err(error)) => {
            tracing::error!(error = chain(&error), "ended with an error");
            ExitCode::FAILURE
        }
        Err(late) => {
            tracing::error!(%late, tasks = ?context.tasks.running(), "ended before all work was done");
            ExitCode::FAILURE
        }
    }
}

/// Cancels the shutdown token at SIGTERM or SIGINT.
async fn end_at_signal(context: Context, mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => tracing::info!("asked to end by SIGTERM"),
        _ = interrupt.recv() => tracing::info!("asked to end by SIGINT"),
        () = context.shutdown.cancelled() => {}
    }
    context.readiness.end();
    context.shutdown.cancel();
}

/// Before logs are set up, standard error is all there is.
#[expect(clippy::print_stderr, reason = "logs are not set up yet")]
fn fail_early(what: &str, error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("Error: {what}: {}", chain(error));
    ExitCode::FAILURE
}

/// An error with its sources: "cannot listen on 0.0.0.0:80: permission denied".
fn chain(error: &(dyn Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| (*error).source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
