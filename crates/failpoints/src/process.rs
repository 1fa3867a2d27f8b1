use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use deis_bootstrap::{BindFailed, Context, ProcessConfig};

use crate::{Failpoints, server};

/// The service's own configuration and where its failpoints are armed.
#[derive(clap::Parser)]
#[group(skip)]
struct Config<C: clap::Args> {
    /// Address where failpoints are armed.
    #[arg(long, global = true, env = "DEIS_FAILPOINTS_LISTEN", default_value = "0.0.0.0:9099")]
    failpoints_listen: SocketAddr,

    #[command(flatten)]
    service: C,
}

impl<C: clap::Args + AsRef<ProcessConfig>> AsRef<ProcessConfig> for Config<C> {
    fn as_ref(&self) -> &ProcessConfig {
        self.service.as_ref()
    }
}

/// As [`deis_bootstrap::main`], for a process with failpoints of these names.
pub fn main<C, F, Fut, E>(service: &'static str, names: &[&'static str], run: F) -> ExitCode
where
    C: clap::Args + AsRef<ProcessConfig>,
    F: FnOnce(C, Context, Failpoints) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Error + From<BindFailed> + 'static,
{
    let failpoints = Failpoints::new(names);
    deis_bootstrap::main::<Config<C>, _, _, _>(service, async move |config, context| {
        serve(&failpoints, config.failpoints_listen, &context).await?;
        run(config.service, context, failpoints).await
    })
}

/// Answers those who arm points until the process ends.
async fn serve(failpoints: &Failpoints, address: SocketAddr, context: &Context) -> Result<(), BindFailed> {
    let listener = context.bind(address).await?;
    let server = axum::serve(listener, server::router(failpoints.clone()));
    let server = server.with_graceful_shutdown(context.shutdown.clone().cancelled_owned());
    drop(context.tasks.spawn("failpoints", async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "failpoints can be armed no more");
        }
    }));
    Ok(())
}
